import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Runs a program of ./programs and gives its first line as JSON. */
export async function hostProgram<Answer>(
  name: "postgres-host" | "temporal-host" | "supervisor-host",
  args: readonly string[],
  as: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<{ child: ChildProcess; answer: Answer }> {
  const program = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"], ...as });
  const errors: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${name} ended (${code}): ${errors.join("\n")}`)));
  });
  return { child, answer: JSON.parse(line) as Answer };
}

/** A folder that is removed by `remove`. */
export function scratch(parent: string = tmpdir()): { path: string; remove(): void } {
  const path = mkdtempSync(join(parent, "plt-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Waits until a condition holds, bounded. */
export async function eventually(holds: () => boolean | Promise<boolean>, boundMs = 10_000): Promise<void> {
  const deadline = performance.now() + boundMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it did not become so in time");
    await sleep(25);
  }
}
