import { randomUUID } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { agentId } from "../agent-reference.ts";
import { print } from "../answer.ts";
import type { ApiClient } from "../api-client.ts";
import { addGlobalOptions, connect, type GlobalOptions } from "../connection.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes } from "../failure.ts";
import { printable } from "../printable.ts";
import type { Shell } from "../shell.ts";

/** What opening a session answers. */
export interface Invocation {
  session_id: string;
  websocket_url: string;
  status: string;
  final_message: string | null;
}

interface InvokeOptions extends GlobalOptions {
  wait?: boolean;
  waitSeconds: number;
}

const examples = ['invoke reviewer "Review the open pull requests."', 'invoke reviewer "Anything new?" --wait'];

/** `invoke <agent> "prompt"`: one prompt, and the answer with `--wait`. */
export function addInvoke(program: Command, shell: Shell): void {
  const command = addGlobalOptions(program.command("invoke"))
    .description("Open a session with an agent and give it a prompt")
    .argument("<agent>", "Id or name")
    .argument("<prompt>", "What it is to do")
    .addOption(new Option("--wait", "wait for its final message and print it"))
    .addOption(
      new Option("--wait-seconds <integer>", "how long --wait waits, at most 300").default(240).argParser((text) => {
        const seconds = Number(text);
        if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 300) return seconds;
        throw new InvalidArgumentError("It must be a whole number from 1 to 300.");
      }),
    )
    .addHelpText("after", exampleText(examples));
  command.action(async (agent: string, prompt: string) => {
    const options = command.optsWithGlobals<InvokeOptions>();
    const api = await connect(shell, options);
    const wait = options.wait === true ? options.waitSeconds : undefined;
    const session = await openSession(api, agent, prompt, wait);
    const later = `powerloom chat --session ${session.session_id}`;
    print(shell, options.json, session, (paint) => {
      if (wait === undefined) return [`Session ${session.session_id} is open. Watch it: ${later}`];
      if (session.final_message !== null) return [printable(session.final_message)];
      return [`${paint("yellow", "…")} No final message yet (${printable(session.status)}). Watch it: ${later}`];
    });
    if (wait === undefined) return;
    if (session.status === "failed") throw new Exit(exitCodes.failed);
    if (session.final_message === null) throw new Exit(exitCodes.notYet);
  });
}

/** Opens a session; with `waitSeconds` the answer comes with the final message, when that is there in time. */
export async function openSession(
  api: ApiClient,
  agent: string,
  prompt: string,
  waitSeconds?: number,
): Promise<Invocation> {
  const id = await agentId(api, agent);
  const answer = await api.send({
    method: "POST",
    path: `/agents/${id}/invoke`,
    body: waitSeconds === undefined ? { prompt } : { prompt, mode: "wait", wait_seconds: waitSeconds },
    headers: { "idempotency-key": randomUUID() },
    timeoutMs: ((waitSeconds ?? 0) + 30) * 1000,
  });
  return answer.body as Invocation;
}
