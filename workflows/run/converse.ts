import { afterReset, limitsFor, observe, openBreaker } from "../../core/loop/breaker.ts";
import type { FinalFacts, PlannedStep } from "../../core/runs/facts.ts";
import { records } from "./activities.ts";
import { type Answered, askModel } from "./ask-model.ts";
import { RunEnding } from "./ending.ts";
import type { Run, ThreadState } from "./state.ts";
import { type Used, useTool } from "./use-tool.ts";

/** How often an answer that cannot be used is sent back to be mended. */
const mostRepairs = 2;

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
    lockedModel(run, answer);
    if (answer.final !== null) {
      if (answer.final.faults.length === 0) return answer.final;
      sendBack(thread, answer.final);
      continue;
    }
    if (tired) throw new RunEnding("stopped", "max-steps", `the run has used up its ${opened.maxSteps} tool calls`);
    const used = await inParallel(answer.tools, opened.maxParallel, (call) => {
      run.state.toolCalls += 1;
      const isPlanned = planned !== null && call.tool === planned.tool;
      return useTool(run, thread, call, isPlanned ? planned.step : null);
    });
    thread.promptTokens += used.reduce((sum, { outcome }) => sum + outcome.promptTokens, 0);
    if (planned !== null && used.some((one) => brings(one, planned))) return null;
    const unexpected = used.find(({ outcome }) => outcome.kind === "done" && outcome.unexpected !== null);
    if (unexpected?.outcome.kind === "done" && unexpected.outcome.unexpected !== null)
      thread.say.push({ kind: "unexpected_result", fault: unexpected.outcome.unexpected });
    for (const one of used) await watchForLoops(run, thread, one);
  }
}

function brings({ call, outcome }: Used, planned: PlannedStep): boolean {
  return call.tool === planned.tool && outcome.kind === "done" && !outcome.error && outcome.unexpected === null;
}

/** The model is bound from start to end: an answer by another one ends the run. */
function lockedModel({ state: { opened } }: Run, answer: Answered): void {
  const undated = (model: string) => model.replace(/-\d{8}$/, "");
  if (undated(answer.model) !== undated(opened.model))
    throw new RunEnding("failed", "model-locked", `the run is bound to ${opened.model}, and ${answer.model} answered`);
}

function sendBack(thread: ThreadState, final: FinalFacts): void {
  thread.repairs += 1;
  if (thread.repairs > mostRepairs)
    throw new RunEnding(
      "failed",
      "output-invalid",
      `the answer still does not fit after ${mostRepairs} repairs: ${final.faults.map(({ pointer, message }) => `${pointer} ${message}`).join("; ")}`.slice(
        0,
        500,
      ),
    );
  thread.say.push({ kind: final.isPlan ? "invalid_plan" : "invalid_output", faults: final.faults });
}

/** Warn, then reset the context and force another way, then ask a person, then stop (design §9). */
async function watchForLoops(run: Run, thread: ThreadState, { call, outcome }: Used): Promise<void> {
  if (outcome.kind !== "done" || outcome.observation === null) return;
  const seen = observe(thread.breaker, outcome.observation, limitsFor(run.state.opened.loopLimit));
  thread.breaker = seen.state;
  const { verdict } = seen;
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
      await run.pauseForPerson(verdict.reason);
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
