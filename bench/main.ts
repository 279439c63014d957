import { availableParallelism, loadavg } from "node:os";
import { measureConversations } from "./conversations.ts";
import { measureAudit, measurePolicies, measureRights } from "./database.ts";
import { measureHooks } from "./hooks.ts";
import { measureLongRun } from "./long-run.ts";
import { measureMutations } from "./mutations.ts";
import { readOptions } from "./options.ts";
import { type Finding, meets, renderTable } from "./report.ts";
import { measureRuns, measureSteps } from "./runs.ts";
import { openStage, type Stage } from "./stage.ts";
import { measureToolCalls } from "./tool-calls.ts";
import { measureVotes } from "./votes.ts";

const measurements: Record<string, (stage: Stage, scale: number) => Finding[] | Promise<Finding[]>> = {
  mutations: measureMutations,
  votes: measureVotes,
  conversations: measureConversations,
  "tool-calls": measureToolCalls,
  hooks: measureHooks,
  steps: measureSteps,
  runs: measureRuns,
  // Behind them: what these store has PostgreSQL cleaning up for a while.
  audit: measureAudit,
  rights: measureRights,
  policies: measurePolicies,
  "long-run": measureLongRun,
};

const { json, scale, only } = readOptions(process.argv.slice(2), Object.keys(measurements));
const verbose = Boolean(process.env["POWERLOOM_BENCH_LOG"]);
const started = performance.now();
const say = (line: string) => process.stderr.write(`${line}\n`);

say("Starting a local stack of its own …");
const stage = await openStage((line) => {
  if (verbose || /"level":(?:50|60)|error|building|download/i.test(line)) say(line);
});
const findings: Finding[] = [];
try {
  for (const [name, measure] of Object.entries(measurements)) {
    if (only.length > 0 && !only.includes(name)) continue;
    say(`measuring ${name} …`);
    // One that fails must not cost the figures of the others.
    await Promise.resolve(measure(stage, scale)).then(
      (found) => findings.push(...found),
      (error: unknown) => {
        say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      },
    );
  }
} finally {
  await stage.close();
}

const [load = 0] = loadavg();
const cores = availableParallelism();
const seconds = Math.round((performance.now() - started) / 1000);
if (json)
  process.stdout.write(
    `${JSON.stringify({ seconds, load, cores, findings: findings.map((f) => ({ ...f, met: meets(f) ?? null })) })}\n`,
  );
else {
  process.stdout.write(`\n${renderTable(findings, process.stdout.isTTY)}\n\n`);
  process.stdout.write(
    `Took ${seconds} s, at the end with a load of ${load.toFixed(1)} on ${cores} cores. Figures with × are ratios inside this run; ` +
      "the others are this machine's, and mean little when it has more to do than cores.\n",
  );
}
