import { execFile } from "node:child_process";

export interface TestRun {
  passed: boolean;
  output: string;
}

const limitMs = 60_000;

/** Runs a project's tests, here and now, in its folder: with nothing of ours between. */
export function runTests(folder: string): Promise<TestRun> {
  // What a test runner or an inspector has set for this process is not meant for the project.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--test", "--test-reporter=spec"],
      { cwd: folder, env: { ...env, NO_COLOR: "1" }, timeout: limitMs },
      (error, stdout, stderr) => resolve({ passed: error === null, output: `${stdout}${stderr}` }),
    );
  });
}

/** What is worth reading of such an output: the tests, and why they fail. Not the counts of nothing, not the stack. */
export function gistOf({ output }: TestRun, mostLines = 24): string[] {
  const lines = output
    .split("\n")
    .map((line) => line.trimEnd().replace(/(?: \{|,)$/, ""))
    .filter(
      (line) =>
        line.trim() !== "" &&
        !/^\s*(at |\{$|\}$)/.test(line) &&
        !/^ℹ (suites|cancelled|skipped|todo|duration_ms)/.test(line) &&
        !/^\s*(generatedMessage|code|operator|diff):/.test(line),
    );
  return lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `… ${lines.length - mostLines} more lines`];
}
