import { conclude, runTests, type TestResult } from "./vitest.ts";

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

/** Whoever names files wants these alone, each in full, whichever project has them. */
const named = process.argv.slice(2);
const results: TestResult[] = [];
for (const args of named.length > 0 ? [["--project", "*", ...named]] : runs)
  results.push(await runTests(args, { POWERLOOM_TEST_ALL: "1" }));
conclude(results);
