import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import { cacheFolder } from "../stack/cache-folder.ts";

/** How a call of vitest ended. */
export interface TestResult {
  args: string[];
  code: number;
  seconds: number;
  /** Each test that failed, and each file whose set-up did: where, which, and what was said. */
  failures: string[];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "node_modules/vitest/vitest.mjs");

/** What is read of vitest's JSON report. */
const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

async function failuresIn(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return ["  there is no report: it ended before its tests did, see above"];
  const found = report.parse(JSON.parse(text)).testResults.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults
      .filter((test) => test.status === "failed")
      .map((test) => ({ title: test.fullName, said: test.failureMessages?.join("\n") ?? "" }));
    if (status === "failed" && tests.length === 0) tests.push({ title: "set-up", said: message ?? "" });
    return tests.map(({ title, said }) => ({ where: relative(root, name), title, said }));
  });
  if (found.length === 0) return ["  no test of it failed: an error outside of them, see above"];
  return found.map(({ where, title, said }) => {
    const lines = stripVTControlCharacters(said).replaceAll(root, "").split("\n");
    const ours = lines.filter((line) => !line.includes("node_modules/") && !line.includes("new Promise"));
    return [`  ${where}: ${title}`, ...ours.slice(0, 15).map((line) => `      ${line}`)].join("\n");
  });
}

/** Runs vitest with these arguments, its words going where ours go; never rejects for a test that fails. */
export async function runTests(args: string[], env: NodeJS.ProcessEnv = {}): Promise<TestResult> {
  const folder = await mkdtemp(join(tmpdir(), "powerloom-report-"));
  const file = join(folder, "report.json");
  const since = performance.now();
  try {
    const code = await new Promise<number>((resolve) => {
      const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
      const child = spawn(process.execPath, [program, "run", ...args, ...reporters], {
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, NODE_COMPILE_CACHE: join(cacheFolder(process.env), "compiled"), ...env },
      });
      child.on("close", (status) => resolve(status ?? 1));
    });
    const seconds = Math.round((performance.now() - since) / 1000);
    return { args, code, seconds, failures: code === 0 ? [] : await failuresIn(file) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Says how each call ended, and sets the exit code: 0 only when all passed. What failed stands here once more, since
 * somebody often has only the end of a log.
 */
export function conclude(results: readonly TestResult[]): void {
  for (const { args, code, seconds, failures } of results.toSorted((a, b) => a.code - b.code)) {
    const name = args.filter((arg) => !arg.startsWith("--")).join(" ");
    console.log(`${name}: ${code === 0 ? "passed" : `failed (exit code ${code})`} in ${seconds} s`);
    for (const failure of failures) console.log(failure);
  }
  process.exitCode = results.every(({ code }) => code === 0) ? 0 : 1;
}
