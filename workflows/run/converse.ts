import { afterPause, afterReset, observe, openBreaker } from "../../core/loop/breaker.ts";
import { limitsFor } from "../../core/loop/limits.ts";
import type { FinalFacts, PlannedStep, Say } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";
import { records } from "./activities.ts";
import { type Answered, askModel } from "./ask-model.ts";
import { ReplanWanted, RunEnding } from "./ending.ts";
import { askHooks, budgetUse, runView } from "./hooks.ts";
import type { Run, ThreadState } from "./state.ts";
import { type Used, useTool } from "./use-tool.ts";

/** How often an answer that cannot be used is sent back to be mended. */
const mostRepairs = 2;
/** How often the rest of a plan may be planned anew. */
const mostReplans = 2;

/** The conversation of this name, begun when there is none. */
export function threadOf({ state }: Run, name: string, promptTokens: number): ThreadState {
  const known = state.threads[name];
  if (known !== undefined) return known;
  const thread = { name, turns: 0, promptTokens, say: [], breaker: openBreaker(), resets: 0, repairs: 0 };
  state.threads[name] = thread;
  return thread;
}

/**
 * Model and tools in turn until there is a final answer, or until the planned call has brought what was expected.
 * @param planned the step of a plan that this conversation carries out
 * @param mayMoveOn lets the run go on in a new execution, when it can
 */
export async function converse(
  run: Run,
  thread: ThreadState,
  planned: PlannedStep | null,
  mayMoveOn: () => Promise<void>,
): Promise<FinalFacts | null> {
  for (;;) {
    await run.unpaused();
    await mayMoveOn();
    const { opened } = run.state;
    const tired = run.state.toolCalls >= opened.maxSteps;
    const answer = await askModel(run, thread, planned?.step ?? null, tired);
    if (answer.final !== null) {
      if (await accepted(run, thread, answer, answer.final)) return answer.final;
      continue;
    }
    if (tired) throw new RunEnding("stopped", "max-steps", `the run has used up its ${opened.maxSteps} tool calls`);
    const used = await inParallel(answer.tools, opened.maxParallel, (call) => {
      run.state.toolCalls += 1;
      const isPlanned = planned !== null && call.tool === planned.tool;
      return useTool(run, thread, call, isPlanned ? planned.step : null, answer.model);
    });
    thread.promptTokens += used.reduce((sum, { outcome }) => sum + outcome.promptTokens, 0);
    if (planned !== null && used.some((one) => brings(one, planned))) return null;
    const unexpected = used.find(({ outcome }) => outcome.kind === "done" && outcome.unexpected !== null);
    if (unexpected?.outcome.kind === "done" && unexpected.outcome.unexpected !== null)
      thread.say.push({ kind: "unexpected_result", fault: unexpected.outcome.unexpected });
    for (const one of used) await watchForLoops(run, thread, one, planned !== null);
  }
}

function brings({ call, outcome }: Used, planned: PlannedStep): boolean {
  return (
    call.tool === planned.tool &&
    outcome.kind === "done" &&
    outcome.asPlanned &&
    !outcome.error &&
    outcome.unexpected === null
  );
}

/** Takes a final answer through its rules. What they refuse goes back to the model to be mended, so many times. */
async function accepted(run: Run, thread: ThreadState, answer: Answered, final: FinalFacts): Promise<boolean> {
  const id = `${thread.name}/${thread.turns}`;
  const common = { run: runView(run), budget: budgetUse(run), answeredBy: answer.model };
  if (final.isPlan) {
    const plan = {
      steps: final.plan?.length ?? 0,
      tools: [...new Set((final.plan ?? []).map(({ tool }) => tool))],
      faults: final.output.faults,
    };
    // The plan's length is the rule's to judge by what it may have: nothing of the answer stands in the way of mending.
    const sound = await askHooks(run, "on_plan", { ...common, plan, grant: run.state.opened.grant }, final.own, id);
    if (sound.kind === "refuse")
      return sendBack(thread, { kind: "invalid_plan", faults: faultsOf(final, sound.reason) });
  }
  const { output, coherence, own } = final;
  const verdict = await askHooks(run, "before_finalize", { ...common, output, coherence }, own, id);
  if (verdict.kind === "pass") return true;
  return sendBack(
    thread,
    output.faults.length > 0
      ? { kind: "invalid_output", faults: [...output.faults] }
      : { kind: "refused_output", reason: verdict.reason },
  );
}

function faultsOf(final: FinalFacts, reason: string): Fault[] {
  return final.output.faults.length > 0 ? [...final.output.faults] : [{ pointer: "", message: reason }];
}

function sendBack(thread: ThreadState, say: Say): false {
  thread.repairs += 1;
  if (thread.repairs > mostRepairs) {
    const why =
      say.kind === "refused_output"
        ? say.reason
        : "faults" in say
          ? say.faults.map(({ pointer, message }) => `${pointer} ${message}`).join("; ")
          : "";
    throw new RunEnding(
      "failed",
      "output-invalid",
      `the answer still does not fit after ${mostRepairs} repairs: ${why}`.slice(0, 500),
    );
  }
  thread.say.push(say);
  return false;
}

/** Warn, then reset the context and force another way, then ask a person, then stop (design §9). */
async function watchForLoops(run: Run, thread: ThreadState, { call, outcome }: Used, ofPlan: boolean): Promise<void> {
  if (outcome.kind !== "done" || outcome.observation === null) return;
  const seen = observe(thread.breaker, outcome.observation, limitsFor(run.state.opened.loopLimit));
  thread.breaker = seen.state;
  const { verdict } = seen;
  const loop =
    verdict.kind === "none" ? { level: "none" as const, reason: "" } : { level: verdict.level, reason: verdict.reason };
  const tool = { name: call.tool, risk: call.risk, readOnly: call.readOnly, delegateTo: call.delegateTo };
  const result = { ...outcome.result, error: outcome.error };
  // Alerts of the budget are recorded where they become due.
  const after = loop.level === "stop" ? { ...loop, level: "none" as const } : loop;
  const subject = { run: runView(run), budget: budgetUse(run), tool, result, alerts: [], loop: after };
  const checked = await askHooks(run, "after_tool", subject, outcome.own, call.stepId);
  if (checked.kind === "refuse") thread.say.push({ kind: "unexpected_result", fault: checked.reason });
  if (verdict.kind === "none") return;
  await records.noteRun({
    ...run.ref,
    id: `loop:${call.stepId}`,
    type: "loop_detected",
    payload: {
      level: verdict.level,
      pattern: verdict.pattern,
      tool: verdict.tool,
      times: verdict.times,
      reason: verdict.reason,
    },
  });
  switch (verdict.level) {
    case "warn":
      thread.say.push({ kind: "loop_warning", pattern: verdict.pattern, tool: verdict.tool, times: verdict.times });
      return;
    case "replan": {
      if (ofPlan && run.state.opened.canReplan && run.state.replans < mostReplans)
        throw new ReplanWanted(verdict.pattern);
      const from = thread.name;
      thread.resets += 1;
      thread.name = `${from.replace(/~\d+$/, "")}~${thread.resets + 1}`;
      thread.turns = 0;
      thread.breaker = afterReset(thread.breaker);
      thread.promptTokens = Math.max(run.state.opened.promptTokens, 4_000);
      thread.say = [{ kind: "replan", pattern: verdict.pattern, tool: verdict.tool, from }];
      return;
    }
    case "pause":
      await run.pauseForPerson(`${thread.name}/${thread.turns}`, verdict.reason);
      thread.breaker = afterPause(thread.breaker);
      return;
    case "stop":
      throw new RunEnding("stopped", "loop", `the agent goes round in circles: ${verdict.reason}`);
  }
}

/** All of them, so many at a time. The first that fails fails the whole, once the others have come to their end. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  most: number,
  body: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const lane = async () => {
    while (next < items.length && failures.length === 0) {
      const index = next;
      next += 1;
      const item = items[index] as Item;
      try {
        results[index] = await body(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
