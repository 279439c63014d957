import { readFile, writeFile } from "node:fs/promises";
import { type Baseline, driftOf, tolerancePercent, unknownTo, updated } from "./drift.ts";
import { type EvalOptions, readOptions } from "./options.ts";
import type { Scene } from "./play.ts";
import { faultsOf, type Report, renderReport, reportAsJson } from "./report.ts";
import { liveScene, openStage } from "./stage.ts";
import { type BrokenOutcome, inLanes, type Outcome, runBroken, runTask } from "./suite.ts";
import { allTasks } from "./tasks/all.ts";

const baselineFile = new URL("./baseline.json", import.meta.url);
const verbose = Boolean(process.env["POWERLOOM_EVALS_LOG"]);
const say = (line: string) => process.stderr.write(`${line}\n`);

function optionsOrExit(): EvalOptions {
  try {
    return readOptions(process.argv.slice(2), allTasks);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}

const options = optionsOrExit();
const place = await openPlace(options);
const { scene } = place;
const since = performance.now();
let outcomes: Outcome[] = [];
let broken: BrokenOutcome[] = [];
try {
  if (options.broken) broken = await runAllBroken(scene, options);
  else outcomes = await runAll(scene, options);
} finally {
  await place.close();
}

const baseline = JSON.parse(await readFile(baselineFile, "utf8")) as Baseline;
const scripted = scene.arm !== null;
if (scripted && options.updateBaseline) {
  await writeFile(baselineFile, `${JSON.stringify(updated(baseline, outcomes), null, 2)}\n`);
  say("evals/baseline.json is written anew.");
}
const compares = scripted && !options.updateBaseline && outcomes.length > 0;
const report: Report = {
  minds: scripted
    ? "scripted minds (no language model)"
    : `whatever answers at ${options.live?.api ?? ""}${Object.keys(options.models).length === 0 ? "" : `, asked for ${Object.values(options.models).join(", ")}`}`,
  outcomes,
  broken,
  drift: compares ? driftOf(baseline, outcomes) : [],
  tolerance: tolerancePercent,
  unknown: compares ? unknownTo(baseline, outcomes) : [],
  audited: scene.auditor !== null,
  seconds: (performance.now() - since) / 1000,
};
const text = renderReport(report);
if (options.report !== undefined) await writeFile(options.report, `${text}\n`);
process.stdout.write(options.json ? `${JSON.stringify(reportAsJson(report), null, 2)}\n` : `\n${text}\n`);
process.exitCode = faultsOf(report).length === 0 ? 0 : 1;

async function openPlace({ live, models }: EvalOptions): Promise<{ scene: Scene; close(): Promise<void> }> {
  if (live !== null) return { scene: liveScene({ ...live, models }), close: async () => undefined };
  say("Starting a local stack of its own; scripted minds answer, not a language model …");
  return openStage((line) => {
    if (verbose || /"level":(?:50|60)|\b(?:error|fatal)\b|building|download/i.test(line)) say(line);
  });
}

async function runAll(place: Scene, { tasks, jobs }: EvalOptions): Promise<Outcome[]> {
  return inLanes(tasks, jobs, async (task) => {
    const outcome = await runTask(place, task);
    const seconds = outcome.status === "skipped" ? "" : ` (${outcome.measured.seconds.toFixed(1)} s)`;
    say(`${outcome.status.padEnd(8)}${task.id}${seconds}`);
    if (outcome.status === "failed")
      for (const { grader, reason } of outcome.failures) say(`        ${grader}: ${reason}`);
    return outcome;
  });
}

async function runAllBroken(place: Scene, { tasks, jobs }: EvalOptions): Promise<BrokenOutcome[]> {
  const all = tasks.flatMap((task) => task.broken.map((one) => ({ task, one })));
  return inLanes(all, jobs, async ({ task, one }) => {
    const outcome = await runBroken(place, task, one);
    say(`${outcome.status.padEnd(9)}${task.id}: ${one.name} (by ${one.rejectedBy})`);
    if (outcome.status === "wrong")
      for (const { grader, reason } of outcome.failures) say(`         ${grader}: ${reason}`);
    return outcome;
  });
}
