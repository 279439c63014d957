import { once } from "node:events";
import { expectStatus } from "./http.ts";
import { armMind, call, linesOf, planOfReads, plansAndExecutes, readsAsPlanned } from "./minds.ts";
import { type Finding, figure } from "./report.ts";
import { interleaved, median, type Summary, summarise, timed } from "./samples.ts";
import type { Stage } from "./stage.ts";

/**
 * A step of a run (a call of the model and a call of a tool) against two activities in sequence that do nothing, from the
 * end of one to the end of the next. The model is to take no time: what the stand-in takes to answer, from a request's
 * arrival to the end of its answer, is left out; with it is told beside.
 */
export async function measureSteps(stage: Stage, scale: number): Promise<Finding[]> {
  const steps = Math.max(6, Math.round(20 * scale));
  const models = await armMind(stage, "bench-steps", {
    talker: {
      turns: [
        ...Array.from({ length: steps }, (_, index) =>
          call("read_file", { path: "lines.txt", offset: 1 + 3 * index, limit: 3 }),
        ),
        { output: { done: true } },
      ],
    },
  });
  const files = [{ path: "lines.txt", content: linesOf(3 * steps, 60) }];
  const answering: number[] = [];
  const bareAnswering: number[] = [];
  const [ours, recorded, bares] = (
    await interleaved(6, [
      async (round) => {
        await stage.quiet();
        await forgetRequests(stage);
        const { id } = await startRun(stage, {
          task: "Read.",
          agent: "bench-talker",
          models,
          files,
          budget: { tokens: 100_000_000 },
        });
        await endOf(stage, id);
        const took = (await answers(stage)).map(({ ms }) => ms);
        // One request a step, or the step would have had more than the model's answer left out.
        if (took.length > steps + 2) throw new Error(`${took.length} requests to the stand-in in ${steps} steps`);
        if (round > 0) answering.push(...took);
        return between(await endsOfSteps(stage, id));
      },
      async (round) => {
        await stage.quiet();
        await forgetRequests(stage);
        const moments = (await stage.bare.recordedPairs(`recorded-pairs-${round}`, steps)) as number[];
        if (round > 0) bareAnswering.push(...(await answers(stage)).map(({ ms }) => ms));
        return between(moments);
      },
      async (round) => {
        await stage.quiet();
        return between((await stage.bare.pairs(`pairs-${round}`, steps)) as number[]);
      },
    ])
  ).map((rounds) => summarise(rounds.flat())) as [Summary, Summary, Summary];
  const model = median(answering);
  const step = ours.p50 - model;
  const floor = recorded.p50 - median(bareAnswering);
  return [
    {
      name: "run step: model call and tool call",
      measured: `p50 ${figure(step)} ms, the stand-in's ${figure(model)} ms left out`,
      baseline: `two activities that record as much p50 ${figure(floor)} ms, the stand-in's left out`,
      value: step / floor,
      unit: "×",
      target: { at: "most", value: 1.3 },
      facts: { ours, recorded, standIn: summarise(answering), standInBare: summarise(bareAnswering) },
    },
    {
      name: "the same against activities that do nothing",
      measured: `p50 ${figure(step)} ms`,
      baseline: `two bare activities p50 ${figure(bares.p50)}, p95 ${figure(bares.p95)} ms`,
      value: step / bares.p50,
      unit: "×",
      facts: { bare: bares },
    },
    {
      name: "run step with the stand-in's time",
      measured: `p50 ${figure(ours.p50)}, p95 ${figure(ours.p95)} ms`,
      baseline: `two bare activities p50 ${figure(bares.p50)} ms`,
      value: ours.p50 / bares.p50,
      unit: "×",
    },
  ];
}

async function forgetRequests(stage: Stage): Promise<void> {
  await fetch(`${stage.stack.simulatorUrl}/_control/requests`, { method: "DELETE" });
}

/** The requests to the model since they were forgotten: when each came, and how long the stand-in took for it, milliseconds. */
async function answers(stage: Stage): Promise<{ at: number; ms: number }[]> {
  const response = await fetch(`${stage.stack.simulatorUrl}/_control/requests`);
  const { data } = (await response.json()) as { data: { at: string; path: string; ms: number | null }[] };
  return data.flatMap(({ at, path, ms }) =>
    path.startsWith("/v1/messages") && ms !== null ? [{ at: Date.parse(at), ms }] : [],
  );
}

/** How long at least one of these was being answered, milliseconds. */
function timeOf(spans: readonly { at: number; ms: number }[]): number {
  let total = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { at, ms } of spans.toSorted((a, b) => a.at - b.at)) {
    total += Math.max(0, at + ms - Math.max(at, until));
    until = Math.max(until, at + ms);
  }
  return total;
}

/** Runs until the worker's code for one is compiled as it will be: the first takes two to three times as long. */
const warmUps = 8;

/**
 * The whole main job with a model that takes no time: plan, six steps, review; from POST /runs to its end. The time in which
 * the stand-in was answering is left out; with it is told beside.
 */
export async function measureRuns(stage: Stage, scale: number): Promise<Finding[]> {
  const files = [
    { path: "src/total.js", content: linesOf(40, 60) },
    { path: "test/total.test.js", content: linesOf(40, 60) },
  ];
  const read = (file: number, offset: number, dependsOn: number[]) => ({
    path: files[file]?.path ?? "",
    offset,
    limit: 10,
    dependsOn,
  });
  // The dependencies of the plan that finds a failing test, fixes it and runs it again.
  const plan = planOfReads([
    read(0, 1, []),
    read(0, 11, []),
    read(1, 1, []),
    read(0, 21, [1, 2, 3]),
    read(1, 11, [4]),
    read(0, 31, [4]),
  ]);
  const models = await armMind(stage, "bench-runs", {
    orchestrator: plansAndExecutes(
      "planner",
      "executor",
      call("delegate", { agent: "reviewer", input: { file_paths: ["src/total.js"], criteria: ["correctness"] } }),
      { output: { result: "read and reviewed", status: "done" } },
    ),
    planner: { turns: [call("list_directory", { path: ".", depth: 3 }), { output: plan }] },
    executor: readsAsPlanned,
    reviewer: {
      turns: [
        call("read_file", { path: "src/total.js" }),
        { output: { findings: [], summary: "nothing to say", verdict: "pass" } },
      ],
    },
  });
  const totals: number[] = [];
  const own: number[] = [];
  const opened: number[] = [];
  const recorded: number[] = [];
  const rounds = Math.max(3, Math.round(10 * scale));
  for (let round = -warmUps; round < rounds; round += 1) {
    await stage.quiet();
    await forgetRequests(stage);
    const started = performance.now();
    const { id } = await startRun(stage, { task: "Find and fix the failing test.", models, files });
    const accepted = performance.now() - started;
    await endOf(stage, id);
    const total = performance.now() - started;
    const answering = timeOf(await answers(stage));
    await stage.quiet();
    await forgetRequests(stage);
    // The plan's dependencies: three, then one, then two.
    const least = await timed(() => stage.bare.recordedRun(`recorded-run-${round}`, [3, 1, 2]));
    const leastAnswering = timeOf(await answers(stage));
    if (round < 0) continue;
    totals.push(total);
    own.push(total - answering);
    opened.push(accepted);
    recorded.push(least - leastAnswering);
  }
  const [total, without, floor] = [summarise(totals), summarise(own), summarise(recorded)];
  return [
    {
      name: "run, six-step plan, four agents",
      measured: `p50 ${figure(without.p50)}, p95 ${figure(without.p95)} ms, the stand-in's time left out`,
      value: without.p50,
      unit: "ms",
      target: { at: "most", value: 1_000 },
      facts: { without, own },
    },
    {
      name: "the same against bare workflows",
      measured: `p50 ${figure(without.p50)} ms`,
      baseline: `four workflows that record as much p50 ${figure(floor.p50)} ms`,
      value: without.p50 / floor.p50,
      unit: "×",
      facts: { recorded },
    },
    {
      name: "the same with the stand-in's time",
      measured: `p50 ${figure(total.p50)}, p95 ${figure(total.p95)} ms (accepted after p50 ${figure(median(opened))})`,
      value: total.p50,
      unit: "ms",
      facts: { total, opened: summarise(opened), totals },
    },
  ];
}

/** Starts a run as the asker. */
export async function startRun(stage: Stage, body: Record<string, unknown>): Promise<{ id: string }> {
  const { id } = await expectStatus(stage.asker("POST", "/runs", body), 201);
  return { id: String(id) };
}

/**
 * Waits for a run's end and throws unless it has completed. Looks into its row whenever something of the run is told: looking
 * every few milliseconds would take a tenth of a core from what is measured.
 */
export async function endOf(stage: Stage, id: string, timeoutMs = 60_000): Promise<void> {
  const listener = await stage.admin.connect();
  const late = AbortSignal.timeout(timeoutMs);
  try {
    await listener.query("listen run_events");
    for (;;) {
      const told = once(listener, "notification", { signal: late });
      const { rows } = await listener.query<{ status: string; reason: unknown; completed_at: Date | null }>(
        "select status, reason, completed_at from agent_runs where id = $1",
        [id],
      );
      const [run] = rows;
      if (run?.completed_at != null) {
        told.catch(() => undefined);
        if (run.status === "completed") return;
        throw new Error(`run ${id} ${run.status}: ${JSON.stringify(run.reason)}`);
      }
      await told.catch(() => {
        throw new Error(`run ${id} is still ${run?.status ?? "missing"}`);
      });
    }
  } finally {
    // With what it listens to.
    listener.release(true);
  }
}

async function endsOfSteps(stage: Stage, id: string): Promise<number[]> {
  const { rows } = await stage.admin.query<{ ended: string }>(
    `select extract(epoch from completed_at) * 1000 as ended from agent_steps
      where run_id = $1 and status = 'success' and step_type = 'tool_call' order by completed_at`,
    [id],
  );
  return rows.map(({ ended }) => Number(ended));
}

const between = (moments: readonly number[]): number[] =>
  moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment));
