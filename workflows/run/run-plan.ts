import { condition } from "@temporalio/workflow";
import { advance, openProgress, outcome, ready } from "../../core/plan/schedule.ts";
import type { PlannedStep } from "../../core/runs/facts.ts";
import { records } from "./activities.ts";
import { converse, threadOf } from "./converse.ts";
import { ReplanWanted, RunEnding } from "./ending.ts";
import type { Run } from "./state.ts";
import { runChild } from "./use-tool.ts";

interface Stuck {
  step: number;
  pattern: string;
}

/**
 * Carries out a plan: what depends on nothing undone runs at once, so many steps at a time, each in a thread of its own. A
 * step that goes in circles is given up, and a planner plans the rest anew; what is done stays.
 */
export async function runPlan(run: Run, mayMoveOn: () => Promise<void>): Promise<void> {
  const { state } = run;
  const failures: unknown[] = [];
  const stuck: Stuck[] = [];
  let running = 0;
  const progress = () => state.progress ?? openProgress(state.steps);
  const mark = (kind: "started" | "done" | "failed", step: number) => {
    state.progress = advance(state.steps, progress(), { kind, step }).progress;
  };
  const perform = async (planned: PlannedStep): Promise<void> => {
    const name = `step-${planned.step}`;
    const thread = threadOf(run, name, state.opened.promptTokens + 4_000);
    let done = false;
    try {
      const final = await converse(run, thread, planned, async () => undefined);
      done = final === null || !final.gaveUp;
    } catch (error) {
      if (error instanceof ReplanWanted) stuck.push({ step: planned.step, pattern: error.pattern });
      // One step's end by a rule of its own is the plan's business; what stops the run stops all of it.
      else if (!(error instanceof RunEnding) || error.status === "stopped") failures.push(error);
    }
    mark(done ? "done" : "failed", planned.step);
    delete state.threads[name];
    running -= 1;
  };

  while (failures.length === 0) {
    // What is stuck is not carried over: first it is dealt with.
    if (running === 0 && stuck.length === 0) await mayMoveOn();
    const [first] = stuck;
    // Those that still run are let finish: what they bring is part of what is done.
    if (first !== undefined && running === 0) {
      stuck.length = 0;
      await replan(run, first);
    }
    if (stuck.length === 0)
      for (const number of ready(state.steps, progress(), state.opened.maxParallel)) {
        const planned = state.steps.find(({ step }) => step === number);
        if (planned === undefined) continue;
        mark("started", number);
        running += 1;
        void perform(planned);
      }
    if (running === 0 && stuck.length === 0) break;
    const before = running;
    if (running > 0) await condition(() => running < before);
  }
  await condition(() => running === 0);
  if (failures.length > 0) throw failures[0];
  const end = outcome(state.steps, progress());
  if (end.kind === "failed")
    throw new RunEnding(
      "failed",
      "plan-failed",
      `steps failed: ${end.failed.join(", ")}; skipped: ${end.skipped.join(", ") || "none"}`,
    );
}

async function replan(run: Run, { step, pattern }: Stuck): Promise<void> {
  const { state } = run;
  state.replans += 1;
  const child = await records.planAnew({ ...run.ref, round: state.replans, step, pattern });
  if (child === null) return;
  await runChild(run, child);
  const progress = state.progress ?? openProgress(state.steps);
  const adopted = await records.adoptPlan({ ...run.ref, plannerRunId: child.childRunId, steps: state.steps, progress });
  if (adopted.kind === "none") return;
  state.steps = adopted.steps;
  state.progress = adopted.progress;
}
