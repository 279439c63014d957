import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { run } from "../../cli/run.ts";
import type { Shell } from "../../cli/shell.ts";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the CLI with a home of its own and no terminal. */
export async function powerloom(
  args: readonly string[],
  given: { env?: Record<string, string>; stdin?: Readable & { isTTY?: boolean } } = {},
): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  const shell: Shell = {
    env: { POWERLOOM_HOME: emptyHome(), ...given.env },
    stdin: given.stdin ?? Readable.from([]),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    onInterrupt: () => () => undefined,
  };
  const code = await run(args, shell);
  return { code, stdout, stderr };
}

/** A directory for one test's login, gone with the test. */
export function emptyHome(): string {
  const home = mkdtempSync(join(tmpdir(), "powerloom-cli-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}
