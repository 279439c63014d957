import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { WorkflowHandle } from "@temporalio/client";
import { workflowIds } from "../core/ids.ts";
import { armMind, call, linesOf } from "./minds.ts";
import { type Finding, figure } from "./report.ts";
import { endOf, startRun } from "./runs.ts";
import type { Stage } from "./stage.ts";

// Windows of one file, each of some 100 kB: an API request brings at most 1 MB.
const lineLength = 100;
const linesRead = 1_000;
const fileLines = 9_000;
const budget = { tokens: 1_000_000_000 };
const mostEvents = 51_200;
const mostBytes = 50 * 1024 * 1024;

/**
 * A run of 500 tool steps with results of 100 kB in one conversation: what its histories hold against Temporal's limits, in
 * how many executions, whether the worker's memory stays flat, and whether the prompt does.
 */
export async function measureLongRun(stage: Stage, scale: number): Promise<Finding[]> {
  const steps = Math.max(20, Math.round(500 * Math.min(scale, 1)));
  const files = [{ path: "long.txt", content: linesOf(fileLines, lineLength) }];
  const reads = Array.from({ length: steps }, (_, index) =>
    call("read_file", {
      path: "long.txt",
      offset: 1 + Math.floor((index * (fileLines - linesRead)) / steps),
      limit: linesRead,
    }),
  );
  const models = await armMind(stage, "bench-long", { talker: { turns: [...reads, { output: { done: true } }] } });
  await stage.quiet();
  const { id } = await startRun(stage, { task: "Read.", agent: "bench-talker", models, files, budget });
  const points = await sampled(stage, id, endOf(stage, id, 1_200_000));
  const executions = await executionsOf(stage, id);
  const events = Math.max(...executions.map((one) => one.events));
  const bytes = Math.max(...executions.map((one) => one.bytes));
  const all = executions.reduce((sum, one) => sum + one.bytes, 0);
  const prompts = await promptsOf(stage, id);
  const [first, second] = [prompts.slice(0, prompts.length / 2), prompts.slice(prompts.length / 2)];
  const [start, middle, end] = [0, 0.5, 1].map((at) => rssAt(points, at * steps)) as [number, number, number];
  const slope = slopeOf(points.filter((point) => point.steps >= steps / 2));
  const name = (what: string) => `long run, ${steps} steps: ${what}`;
  return [
    {
      name: name("events of an execution"),
      measured: `${events} at most, in ${executions.length} executions`,
      baseline: `Temporal's limit ${mostEvents}`,
      value: events,
      unit: "events",
      target: { at: "most", value: mostEvents },
      facts: { executions },
    },
    {
      name: name("bytes of an execution"),
      measured: `${figure(bytes / 1e6)} MB at most, ${figure(all / 1e6)} MB in all`,
      baseline: `Temporal's limit ${mostBytes / 1e6} MB`,
      value: bytes / 1e6,
      unit: "MB",
      target: { at: "most", value: mostBytes / 1e6 },
    },
    {
      name: name("memory of the worker"),
      measured: `${figure(start)}, ${figure(middle)}, ${figure(end)} MB at start, middle, end; second half ${figure(slope * 100)} MB in 100 steps`,
      baseline: "the middle",
      value: end / middle,
      unit: "×",
      target: { at: "most", value: 1.2 },
      facts: { points, slope },
    },
    {
      name: name("largest prompt"),
      measured: `${Math.max(...first)} tokens in the first half, ${Math.max(...second)} in the second`,
      baseline: "the first half",
      value: Math.max(...second) / Math.max(...first),
      unit: "×",
      // Old results are left out in leaps of half a window, so the largest of each half may differ by one of them.
      target: { at: "most", value: 1.5 },
      facts: { prompts },
    },
  ];
}

interface Execution {
  events: number;
  bytes: number;
}

/** All executions of a run's workflow, the ones it has moved on from included. */
async function executionsOf(stage: Stage, runId: string): Promise<Execution[]> {
  const workflowId = workflowIds.agentRun(runId);
  const found: Execution[] = [];
  const newest = await stage.temporal.workflow.getHandle(workflowId).describe();
  for (let next = newest.runId; next !== ""; ) {
    const handle: WorkflowHandle = stage.temporal.workflow.getHandle(workflowId, next);
    const { historyLength, historySize } = await handle.describe();
    found.unshift({ events: historyLength, bytes: historySize ?? 0 });
    const { events } = await handle.fetchHistory();
    next = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? "";
  }
  return found;
}

interface Point {
  steps: number;
  rss: number;
}

/** Steps done and the worker's memory, every half second until the run has ended. */
async function sampled(stage: Stage, runId: string, ending: Promise<void>): Promise<Point[]> {
  const points: Point[] = [];
  let over = false;
  const ended = ending.finally(() => {
    over = true;
  });
  const look = async () => {
    const { rows } = await stage.admin.query<{ count: number }>(
      "select count(*)::int as count from agent_steps where run_id = $1 and step_type = 'tool_call' and status = 'success'",
      [runId],
    );
    points.push({ steps: rows[0]?.count ?? 0, rss: await workerRss(stage) });
  };
  const watch = async () => {
    while (!over) {
      await look();
      await sleep(500);
    }
    await look();
  };
  await Promise.all([ended, watch()]);
  return points;
}

async function workerRss(stage: Stage): Promise<number> {
  const state = stage.stack.supervisor.state("worker");
  if (state?.status !== "running" || state.pid === undefined) throw new Error("the worker does not run");
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(state.pid)]);
  return Number(stdout) / 1024;
}

function rssAt(points: readonly Point[], steps: number): number {
  return (points.find((point) => point.steps >= steps) ?? points.at(-1))?.rss ?? Number.NaN;
}

/** Least squares: MB a step. */
function slopeOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(({ steps }) => steps), mean(({ rss }) => rss)];
  const spread = points.reduce((sum, { steps }) => sum + (steps - x) ** 2, 0);
  return points.reduce((sum, { steps, rss }) => sum + (steps - x) * (rss - y), 0) / spread;
}

/** Tokens of a run's prompts, in their order, as they were billed. */
async function promptsOf(stage: Stage, runId: string): Promise<number[]> {
  const { rows } = await stage.admin.query<{ prompt: number }>(
    `select coalesce((usage ->> 'input_tokens')::int, 0) + coalesce((usage ->> 'cache_creation_input_tokens')::int, 0)
            + coalesce((usage ->> 'cache_read_input_tokens')::int, 0) as prompt
       from agent_steps where run_id = $1 and step_type = 'model_call' and status = 'success' order by step_num`,
    [runId],
  );
  return rows.map(({ prompt }) => prompt);
}
