import { type Command, Option } from "commander";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { converse } from "../conversation.ts";
import { exampleText } from "../examples.ts";
import { usageFailure } from "../failure.ts";
import type { Shell } from "../shell.ts";

const examples = [
  'chat powerloom-meta "Set up a code review agent for the engineering team."',
  "chat --session 0198c2f4-6f7e-7c3a-9d55-0a1b2c3d4e5f",
  "chat reviewer < prompts.txt",
];

/** `chat <agent> ["first prompt"]`: a conversation, as it happens. */
export function addChat(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("chat"))
    .description("Talk with an agent and watch what it does")
    .argument("[agent]", "Id or name; not with --session")
    .argument("[prompt]", "The first thing to say")
    .addOption(new Option("--session <id>", "go on with this session of yours, from its beginning"))
    .addHelpText(
      "after",
      `${exampleText(examples)}

On a terminal: /interrupt stops what the agent does, /end ends the session, Ctrl-D leaves it open.
Ctrl-C interrupts; a second one ends the session. Without a terminal each line of stdin is a prompt, said
when the agent rests, and the session ends with the last. With --json each event is printed as one line.`,
    );
  command.action(async (first: string | undefined, second: string | undefined) => {
    const options = command.optsWithGlobals<GlobalOptions & { session?: string }>();
    // With --session no agent is named: what stands first is the prompt.
    if (options.session !== undefined && second !== undefined)
      throw usageFailure("with --session give at most a prompt: the session has its agent");
    const agent = options.session === undefined ? first : undefined;
    if (options.session === undefined && agent === undefined) throw usageFailure("missing <agent>, or --session <id>");
    const api = await connect(shell, options);
    await converse(shell, api, {
      agent,
      sessionId: options.session,
      prompt: options.session === undefined ? second : first,
      json: options.json === true,
    });
  });
}
