import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../stack/cache-folder.ts";

/**
 * Runs all test projects on three lanes: each waits now and then, and two cores are to be busy all the time. All print as they
 * go; the exit code is 0 only when every lane passes.
 */
const lanes = [["unit", "stack", "durability"], ["integration"], ["console", "runs"]];

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const codes = await Promise.all(
  lanes.map(
    (projects) =>
      new Promise<number>((resolve) => {
        const child = spawn(process.execPath, [vitest, "run", ...projects.flatMap((name) => ["--project", name])], {
          stdio: ["ignore", "inherit", "inherit"],
          env: { ...process.env, NODE_COMPILE_CACHE: join(cacheFolder(process.env), "compiled") },
        });
        child.on("close", (code) => resolve(code ?? 1));
      }),
  ),
);
for (const [index, code] of codes.entries())
  console.log(`${lanes[index]?.join(", ")}: ${code === 0 ? "passed" : `failed (exit code ${code})`}`);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
