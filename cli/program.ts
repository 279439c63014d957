import { Command } from "commander";
import { powerloomVersion } from "../core/version.ts";
import { addAgentsValidate } from "./commands/agents-validate.ts";
import { addAudit } from "./commands/audit.ts";
import { addBootstrap } from "./commands/bootstrap.ts";
import { addChat } from "./commands/chat.ts";
import { addEvents } from "./commands/events.ts";
import { addInvoke } from "./commands/invoke.ts";
import { addLocalStack } from "./commands/local-stack.ts";
import { addLogin } from "./commands/login.ts";
import { addMcp } from "./commands/mcp.ts";
import { addRun } from "./commands/run.ts";
import { addVote } from "./commands/vote.ts";
import { addGlobalOptions } from "./connection.ts";
import { addDerivedCommands } from "./derived-commands.ts";
import { exampleText } from "./examples.ts";
import type { Shell } from "./shell.ts";

const examples = [
  "up                                             start everything on this machine",
  "login --dev --email admin@dev.local            log in to it",
  "bootstrap --ou-path /dev-org/engineering       set up the meta-agent",
  'chat powerloom-meta "Set up a code review agent for engineering."',
  "agents list --json",
];

const exitText = `
Exit codes:
  0  done
  1  refused or failed
  2  wrong usage
  3  taken but not done: waits for an approval, or is still being worked on
  4  the API cannot be reached`;

/** Every command there is. What is written by hand comes first, and wins over what is derived from the declarations. */
export function createProgram(shell: Shell): Command {
  const program = new Command("powerloom")
    .description("Durable control plane for fleets of AI agents.")
    .version(powerloomVersion)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void shell.stdout.write(text),
      writeErr: (text) => void shell.stderr.write(text),
      // `run` says it once, for people or as JSON.
      outputError: () => undefined,
    })
    // A command may have an option of the program's name: `agents attach-skill --version 2`.
    .enablePositionalOptions()
    .addHelpText("after", `${exampleText(examples)}\n${exitText}`);
  addGlobalOptions(program);

  addLocalStack(program, shell);
  addLogin(program, shell);
  addBootstrap(program, shell);
  addChat(program, shell);
  addInvoke(program, shell);
  addRun(program, shell);
  addMcp(program, shell);
  addVote(program, shell);
  addAgentsValidate(program, shell);
  addAudit(program, shell);
  addEvents(program, shell);
  addDerivedCommands(program, shell);
  return program;
}
