import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What takes too long for every run: the `long` project, and in full those files of which every run takes a part. */
const runs = [
  ["--project", "long"],
  [
    "--project",
    "integration",
    "reconciler",
    "console-reads/events",
    "governance/approvals",
    "governance/migrations",
    "security",
  ],
  ["--project", "sessions"],
  ["--project", "runs"],
  ["--project", "stack", "temporal-server", "stack/postgres", "compose"],
  ["--project", "console"],
  ["--project", "durability"],
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
