import { type ExportedRun, toolCalls } from "./evidence.ts";
import type { Outcome } from "./suite.ts";

/** What one run of a tree has used by itself, without its subagents. */
interface Share {
  agent: string;
  role: string;
  model: string;
  tokens: number;
  cost_micros: number;
  calls: number;
  steps: number;
}

/** What a task has used, subagents included. */
export interface Measured {
  tokens: number;
  cost_micros: number;
  calls: number;
  /** Tool calls. */
  steps: number;
  seconds: number;
  shares: Share[];
}

export interface Totals {
  tasks: number;
  passed: number;
  tokens: number;
  cost_micros: number;
  calls: number;
  steps: number;
  seconds: number;
}

export function measure(runs: readonly ExportedRun[], seconds: number): Measured {
  const shares = runs.map((run) => shareOf(run, runs));
  const sum = (unit: "tokens" | "cost_micros" | "calls" | "steps") =>
    shares.reduce((total, share) => total + share[unit], 0);
  return {
    tokens: sum("tokens"),
    cost_micros: sum("cost_micros"),
    calls: sum("calls"),
    steps: sum("steps"),
    seconds,
    shares,
  };
}

function shareOf(run: ExportedRun, runs: readonly ExportedRun[]): Share {
  const below = runs.filter(({ parent_run_id: parent }) => parent === run.id);
  const own = (unit: "tokens" | "cost_micros" | "calls") =>
    below.reduce((left, child) => left - child.used[unit], run.used[unit]);
  return {
    agent: run.agent,
    role: run.role,
    // Scripted minds have a name a run each; they are one kind of thing.
    model: run.model.startsWith("mind-") ? "scripted minds" : run.model,
    tokens: own("tokens"),
    cost_micros: own("cost_micros"),
    calls: own("calls"),
    steps: toolCalls({ runs: [run] }).length,
  };
}

type Ran = Exclude<Outcome, { status: "skipped" }>;

/** Sums by what tasks have in common: the role that is judged, or the kind. Skipped tasks count nowhere. */
export function totalsBy(outcomes: readonly Outcome[], by: "role" | "kind"): Map<string, Totals> {
  const sums = new Map<string, Totals>();
  for (const outcome of outcomes) {
    if (outcome.status === "skipped") continue;
    add(sums, outcome.task[by], outcome, outcome.measured);
  }
  return sums;
}

/** Sums by model. A task counts with every model that took part in it, tokens and costs with the one that used them. */
export function totalsByModel(outcomes: readonly Outcome[]): Map<string, Totals> {
  const sums = new Map<string, Totals>();
  for (const outcome of outcomes) {
    if (outcome.status === "skipped") continue;
    for (const model of new Set(outcome.measured.shares.map((share) => share.model))) {
      const own = outcome.measured.shares.filter((share) => share.model === model);
      const sum = (unit: "tokens" | "cost_micros" | "calls" | "steps") =>
        own.reduce((total, share) => total + share[unit], 0);
      add(sums, model, outcome, {
        tokens: sum("tokens"),
        cost_micros: sum("cost_micros"),
        calls: sum("calls"),
        steps: sum("steps"),
        seconds: outcome.measured.seconds,
      });
    }
  }
  return sums;
}

function add(sums: Map<string, Totals>, key: string, { status }: Ran, used: Omit<Measured, "shares">): void {
  const before = sums.get(key) ?? { tasks: 0, passed: 0, tokens: 0, cost_micros: 0, calls: 0, steps: 0, seconds: 0 };
  sums.set(key, {
    tasks: before.tasks + 1,
    passed: before.passed + (status === "passed" ? 1 : 0),
    tokens: before.tokens + used.tokens,
    cost_micros: before.cost_micros + used.cost_micros,
    calls: before.calls + used.calls,
    steps: before.steps + used.steps,
    seconds: before.seconds + used.seconds,
  });
}

/** Of a hundred tasks, so many must pass, in every role. */
export const gatePercent = 80;

/** The roles that do not pass the gate. */
export function rolesBelowGate(outcomes: readonly Outcome[]): string[] {
  return [...totalsBy(outcomes, "role")]
    .filter(([, { tasks, passed }]) => passed * 100 < tasks * gatePercent)
    .map(([role]) => role);
}
