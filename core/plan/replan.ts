import type { Progress, ScheduledStep } from "./schedule.ts";

export type Replan<Step> =
  | {
      ok: true;
      steps: Step[];
      progress: Progress;
      /** The number that each new step had in its plan → the number it runs under. */
      numbers: Record<number, number>;
    }
  | { ok: false; reason: string };

/**
 * Puts a new plan, one that was checked, in the place of what has not been begun. Steps that are done stay, steps that
 * run stay and finish; pending, failed and skipped ones go. New steps are numbered above all numbers of the old plan, so
 * that none ever means two steps. A dependency means the new plan's own step of that number, and otherwise one that stays.
 */
export function replacePending<Step extends ScheduledStep>(
  steps: readonly Step[],
  progress: Progress,
  replacement: readonly Step[],
): Replan<Step> {
  const kept = steps.filter(({ step }) => progress.status[step] === "done" || progress.status[step] === "running");
  const highest = steps.reduce((most, { step }) => Math.max(most, step), 0);
  const numbers: Record<number, number> = {};
  for (const [index, { step }] of replacement.entries()) {
    if (numbers[step] !== undefined) return { ok: false, reason: `the new plan has two steps ${step}` };
    numbers[step] = highest + 1 + index;
  }
  const staying = new Set(kept.map(({ step }) => step));
  const added: Step[] = [];
  for (const step of replacement) {
    const dependsOn: number[] = [];
    for (const need of step.dependsOn) {
      const means = numbers[need] ?? (staying.has(need) ? need : undefined);
      if (means === undefined)
        return { ok: false, reason: `step ${step.step} depends on ${need}, which does not stay` };
      dependsOn.push(means);
    }
    added.push({ ...step, step: numbers[step.step] ?? 0, dependsOn });
  }
  const status: Progress["status"] = {};
  for (const { step } of kept) status[step] = progress.status[step] ?? "done";
  for (const { step } of added) status[step] = "pending";
  return { ok: true, steps: [...kept, ...added], progress: { status }, numbers };
}
