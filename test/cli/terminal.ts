import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll } from "vitest";
import { run } from "../../cli/run.ts";
import type { Shell } from "../../cli/shell.ts";

const root = mkdtempSync(join(tmpdir(), "powerloom-cli-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

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

/** A directory for one test's login. */
export function emptyHome(): string {
  return mkdtempSync(join(root, "home-"));
}
