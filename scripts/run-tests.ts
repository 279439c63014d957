import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../stack/cache-folder.ts";

/**
 * Runs all test projects, three at a time: each waits now and then, and two cores are to be busy all the time. The longest
 * come first, so that the last ones end together. All print as they go; the exit code is 0 only when every one passes.
 */
const projects = ["integration", "sessions", "console", "runs", "durability", "unit", "stack"];
const atOnce = 3;

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));

function run(project: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, "run", "--project", project], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: join(cacheFolder(process.env), "compiled") },
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

const waiting = [...projects];
const results = new Map<string, { code: number; seconds: number }>();
async function lane(): Promise<void> {
  for (let project = waiting.shift(); project !== undefined; project = waiting.shift()) {
    const since = performance.now();
    const code = await run(project);
    results.set(project, { code, seconds: Math.round((performance.now() - since) / 1000) });
  }
}
await Promise.all(Array.from({ length: atOnce }, lane));

for (const [project, { code, seconds }] of results)
  console.log(`${project}: ${code === 0 ? "passed" : `failed (exit code ${code})`} in ${seconds} s`);
process.exitCode = [...results.values()].every(({ code }) => code === 0) ? 0 : 1;
