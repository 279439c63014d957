import { CommanderError } from "commander";
import { CliFailure, Exit, exitCodes, usageFailure } from "./failure.ts";
import { painter } from "./paint.ts";
import { createProgram } from "./program.ts";
import { renderFailure } from "./render-problem.ts";
import { type Shell, wantsColor } from "./shell.ts";

/** Runs one command line, says what went wrong on stderr, and answers with the exit code. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  try {
    await createProgram(shell).parseAsync([...args], { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof Exit) return error.exitCode;
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    // A group without a command prints its help.
    if (error instanceof CommanderError && error.code === "commander.help") return exitCodes.usage;
    const failure = asFailure(error);
    const lines = asksForJson(args)
      ? [JSON.stringify(failure.problem)]
      : renderFailure(failure, painter(wantsColor(shell, shell.stderr)));
    shell.stderr.write(`${lines.join("\n")}\n`);
    return failure.exitCode;
  }
}

function asFailure(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  if (error instanceof CommanderError) return usageFailure(error.message.replace(/^error: /, ""));
  const message = error instanceof Error ? error.message : String(error);
  return new CliFailure(exitCodes.failed, message, {}, { cause: error });
}

// From the words themselves: a line that cannot be parsed has no options yet.
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? undefined : end).includes("--json");
}
