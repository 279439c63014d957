import type { Command } from "commander";
import { openDevOrganisation } from "../demo/organisation.ts";
import { startLocalStack } from "../stack/local-stack.ts";
import { exitWhenParentGoes } from "../stack/parent.ts";
import { StackError } from "../stack/stack-error.ts";
import { stateDirectoryPath } from "../stack/state-directory.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { type Shell, wantsColor } from "./shell.ts";

/** `powerloom up`: everything on this machine, in one process tree, until Ctrl-C or SIGTERM. */
export function configure(command: Command, shell: Shell): void {
  command
    .option("--production", "no dev login, no dev data: sign in through an identity provider (see powerloom init)")
    .action(async (options: { production?: boolean }) => {
      exitWhenParentGoes();
      process.channel?.unref();
      const directory = stateDirectoryPath(shell.env as NodeJS.ProcessEnv);
      const write = (line: string) => void shell.stdout.write(`${line}\n`);
      const mode = options.production ? "production" : "dev";
      const stack = await startLocalStack({
        stateDirectory: directory,
        environment: shell.env as NodeJS.ProcessEnv,
        mode,
        withConsole: true,
        log: write,
        color: wantsColor(shell),
      }).catch(explain);
      let closeDev = async (): Promise<void> => {};
      try {
        write("");
        if (mode === "dev") {
          const dev = await openDevOrganisation(stack, directory, (call) =>
            stack.supervisor.say(`${call.server}: ${call.tool} called with a bearer of agent ${call.agent}`),
          );
          closeDev = dev.close;
          write(`Powerloom is ready (dev mode, organisation acme${dev.fresh ? ", made now" : ""}).`);
          write(`  token    ${dev.admin.token}`);
          write(`           of ${dev.admin.email}; others: powerloom login --dev --email ben@acme.com`);
        } else {
          write(
            "Powerloom is ready (production mode). The first organisation: powerloom init --org … --admin-email … --issuer …",
          );
        }
        write(`  Console  ${stack.apiUrl}`);
        write(`  API      ${stack.apiUrl}  (documentation: ${stack.apiUrl}/docs)`);
        write(`  MCP      ${stack.mcpUrl}`);
        if (stack.temporalUiUrl !== "")
          write(`  Temporal ${stack.temporalUiUrl}/namespaces/${stack.temporalNamespace}/workflows`);
        write(
          stack.simulatorUrl === ""
            ? "  Claude   the real Anthropic API"
            : `  Claude   ${stack.simulatorUrl}: a stand-in without a language model. Set ANTHROPIC_API_KEY for the real one.`,
        );
        write(`  Talk     npx powerloom chat powerloom-meta "What agents already exist in the engineering OU?"`);
        write("");
        await untilStopped();
      } finally {
        await closeDev();
        await stack.stop();
      }
    });
}

/** A start that failed, in the words of the part that knows why. */
function explain(error: unknown): never {
  if (error instanceof StackError || (error instanceof Error && error.message !== ""))
    throw new CliFailure(exitCodes.failed, error.message, undefined, { cause: error });
  throw error;
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
