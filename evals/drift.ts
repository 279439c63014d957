import type { Outcome } from "./suite.ts";

/** What scripted minds used when the baseline was taken: a change is a change of the runtime, or of the tasks. */
export interface Baseline {
  minds: "scripted minds";
  tasks: Record<string, { tokens: number; cost_micros: number; calls: number; steps: number }>;
}

export interface Drift {
  task: string;
  unit: "tokens" | "cost_micros";
  before: number;
  now: number;
  /** Above 0: more than before. */
  percent: number;
  beyond: boolean;
}

/** Percent that tokens and costs may be off. Two runs of the same code differ by 0.02 %: durations in commands' output. */
export const tolerancePercent = 2;

/**
 * How far each task that ran is from the baseline. None for a task that is not in it, nor for one that ends by the clock:
 * that one does more on a fast machine.
 */
export function driftOf(baseline: Baseline, outcomes: readonly Outcome[], tolerance = tolerancePercent): Drift[] {
  return outcomes.flatMap((outcome) => {
    const before = baseline.tasks[outcome.task.id];
    if (outcome.status === "skipped" || before === undefined) return [];
    if (outcome.task.run.budget?.wall_seconds !== undefined) return [];
    return (["tokens", "cost_micros"] as const).map((unit): Drift => {
      const now = outcome.measured[unit];
      const percent = percentOff(before[unit], now);
      return { task: outcome.task.id, unit, before: before[unit], now, percent, beyond: Math.abs(percent) > tolerance };
    });
  });
}

function percentOff(before: number, now: number): number {
  if (before === now) return 0;
  return before === 0 ? 100 : ((now - before) * 100) / before;
}

/** The baseline with what these tasks have used now; tasks that did not run, or failed, keep what they had. */
export function updated(baseline: Baseline, outcomes: readonly Outcome[]): Baseline {
  const tasks = { ...baseline.tasks };
  for (const outcome of outcomes) {
    if (outcome.status !== "passed") continue;
    const { tokens, cost_micros, calls, steps } = outcome.measured;
    tasks[outcome.task.id] = { tokens, cost_micros, calls, steps };
  }
  return {
    minds: "scripted minds",
    tasks: Object.fromEntries(Object.entries(tasks).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Tasks that ran and that the baseline does not know. */
export function unknownTo(baseline: Baseline, outcomes: readonly Outcome[]): string[] {
  return outcomes
    .filter(({ status, task }) => status !== "skipped" && baseline.tasks[task.id] === undefined)
    .map(({ task }) => task.id);
}
