import { conclude, runTests, type TestResult } from "./vitest.ts";

/**
 * Runs all test projects, three at a time: each waits now and then, and two cores are to be busy all the time. The longest
 * come first, so that the last ones end together.
 */
const projects = ["integration", "sessions", "console", "runs", "durability", "unit", "stack"];
const atOnce = 3;

const waiting = [...projects];
const results: TestResult[] = [];
async function lane(): Promise<void> {
  for (let project = waiting.shift(); project !== undefined; project = waiting.shift())
    results.push(await runTests(["--project", project]));
}
await Promise.all(Array.from({ length: atOnce }, lane));
conclude(results);
