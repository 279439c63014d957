import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * What takes too long for every run: the `long` project, and those integration tests in full of which every run takes a
 * part drawn by a seed.
 */
const runs = [
  ["--project", "long"],
  ["--project", "integration", "test/integration/conversations/wordings.test.ts"],
  ["--project", "integration", "test/integration/runs/injection.test.ts"],
];

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const codes = runs.map(
  (args) =>
    spawnSync(process.execPath, [vitest, "run", ...args, ...process.argv.slice(2)], {
      stdio: "inherit",
      env: { ...process.env, POWERLOOM_TEST_ALL: "1" },
    }).status ?? 1,
);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
