import { condition } from "@temporalio/workflow";
import { advance, outcome, ready } from "../../core/plan/schedule.ts";
import type { PlannedStep } from "../../core/runs/facts.ts";
import { converse, threadOf } from "./converse.ts";
import { RunEnding } from "./ending.ts";
import type { Run } from "./state.ts";

/** Carries out a plan: what depends on nothing undone runs at once, so many steps at a time, each in a thread of its own. */
export async function runPlan(run: Run, steps: readonly PlannedStep[], mayMoveOn: () => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  let running = 0;
  const perform = async (planned: PlannedStep): Promise<void> => {
    const name = `step-${planned.step}`;
    const thread = threadOf(run, name, run.state.opened.promptTokens + 4_000);
    let done = false;
    try {
      const final = await converse(run, thread, planned, async () => undefined);
      done = final === null || !final.gaveUp;
    } catch (error) {
      // One step's end by a rule of its own is the plan's business; what stops the run stops all of it.
      if (!(error instanceof RunEnding) || error.status === "stopped") failures.push(error);
    }
    const { progress } = run.state;
    if (progress !== null)
      run.state.progress = advance(steps, progress, { kind: done ? "done" : "failed", step: planned.step }).progress;
    delete run.state.threads[name];
    running -= 1;
  };

  for (;;) {
    const { progress } = run.state;
    if (progress === null || failures.length > 0) break;
    if (running === 0) await mayMoveOn();
    for (const number of ready(steps, progress, run.state.opened.maxParallel)) {
      const planned = steps.find(({ step }) => step === number);
      if (planned === undefined) continue;
      run.state.progress = advance(steps, run.state.progress ?? progress, { kind: "started", step: number }).progress;
      running += 1;
      void perform(planned);
    }
    if (running === 0) break;
    const before = running;
    await condition(() => running < before);
  }
  await condition(() => running === 0);
  if (failures.length > 0) throw failures[0];
  const end = outcome(steps, run.state.progress ?? { status: {} });
  if (end.kind === "failed")
    throw new RunEnding(
      "failed",
      "plan-failed",
      `steps failed: ${end.failed.join(", ")}; skipped: ${end.skipped.join(", ") || "none"}`,
    );
}
