import type { Command } from "commander";
import { StackError } from "../stack/stack-error.ts";
import { resetState, stateDirectoryPath } from "../stack/state-directory.ts";
import { CliFailure, exitCodes, usageFailure } from "./failure.ts";
import type { Shell } from "./shell.ts";

/** `powerloom reset`: removes the local state. Needs `--yes`, because nothing brings it back. */
export function configure(command: Command, shell: Shell): void {
  command.option("--yes", "really remove all local data").action(async (options: { yes?: boolean }) => {
    const directory = stateDirectoryPath(shell.env as NodeJS.ProcessEnv);
    if (options.yes !== true) throw usageFailure(`This removes all local data in ${directory}: say --yes`);
    const outcome = await resetState(directory).catch((error: unknown) => {
      if (error instanceof StackError) throw new CliFailure(exitCodes.failed, error.message);
      throw error;
    });
    shell.stdout.write(outcome === "removed" ? `Removed ${directory}\n` : `There is nothing at ${directory}\n`);
  });
}
