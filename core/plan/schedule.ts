/** What scheduling needs to know of a step. */
export interface ScheduledStep {
  step: number;
  dependsOn: readonly number[];
}

type StepStatus = "pending" | "running" | "done" | "failed" | "skipped";

/** Plain JSON, lives in workflow state. */
export interface Progress {
  status: Record<number, StepStatus>;
}

export type StepEvent = { kind: "started" | "done" | "failed"; step: number };

export type Advance =
  | {
      applied: true;
      progress: Progress;
      /** Steps that will not run because this one failed, ascending. */
      skipped: number[];
    }
  /** The event does not fit, or came before: nothing changes. */
  | { applied: false; progress: Progress; reason: string };

export type Outcome = { kind: "open" } | { kind: "done" } | { kind: "failed"; failed: number[]; skipped: number[] };

/** All steps pending. */
export function openProgress(steps: readonly ScheduledStep[]): Progress {
  return { status: Object.fromEntries(steps.map(({ step }) => [step, "pending" as const])) };
}

/** The steps to start now, ascending: what they depend on is done, and no more than `maxParallel` run at once. */
export function ready(steps: readonly ScheduledStep[], { status }: Progress, maxParallel: number): number[] {
  const running = steps.filter(({ step }) => status[step] === "running").length;
  return steps
    .filter(({ step, dependsOn }) => status[step] === "pending" && dependsOn.every((need) => status[need] === "done"))
    .map(({ step }) => step)
    .sort((one, other) => one - other)
    .slice(0, Math.max(0, maxParallel - running));
}

/** What an event makes of the progress. A failed step takes all with it that depend on it, at any distance. */
export function advance(steps: readonly ScheduledStep[], progress: Progress, { kind, step }: StepEvent): Advance {
  const { status } = progress;
  const planned = steps.find((candidate) => candidate.step === step);
  const unfit = (reason: string): Advance => ({ applied: false, progress, reason });
  if (planned === undefined) return unfit(`there is no step ${step}`);
  const wanted = kind === "started" ? "pending" : "running";
  if (status[step] !== wanted) return unfit(`step ${step} is ${status[step]}, not ${wanted}`);
  if (kind === "started" && !planned.dependsOn.every((need) => status[need] === "done"))
    return unfit(`step ${step} depends on steps that are not done`);

  const next = { ...status, [step]: kind === "started" ? ("running" as const) : kind };
  const skipped = kind === "failed" ? skipDependents(steps, next) : [];
  return { applied: true, progress: { status: next }, skipped };
}

function skipDependents(steps: readonly ScheduledStep[], status: Record<number, StepStatus>): number[] {
  const skipped: number[] = [];
  const lost = (need: number) => status[need] === "failed" || status[need] === "skipped";
  for (let before = -1; before !== skipped.length; ) {
    before = skipped.length;
    for (const { step, dependsOn } of steps)
      if (status[step] === "pending" && dependsOn.some(lost)) {
        status[step] = "skipped";
        skipped.push(step);
      }
  }
  return skipped.sort((one, other) => one - other);
}

/** Open while something runs or can still run. */
export function outcome(steps: readonly ScheduledStep[], { status }: Progress): Outcome {
  const of = (wanted: StepStatus) => steps.map(({ step }) => step).filter((step) => status[step] === wanted);
  if (of("pending").length + of("running").length > 0) return { kind: "open" };
  const [failed, skipped] = [of("failed"), of("skipped")];
  return failed.length + skipped.length === 0 ? { kind: "done" } : { kind: "failed", failed, skipped };
}
