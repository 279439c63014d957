import {
  allHandlersFinished,
  CancellationScope,
  ContinueAsNew,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import { forgetFinished } from "../core/budget/reservations.ts";
import { openBudget, rootNode } from "../core/budget/tree.ts";
import type { RunRef } from "../core/ids.ts";
import { openProgress } from "../core/plan/schedule.ts";
import type { EndStatus, RunCaps, RunResult } from "../core/runs/facts.ts";
import { lookAgain, status } from "./messages.ts";
import { finishRun, openRun, records } from "./run/activities.ts";
import { converse, threadOf } from "./run/converse.ts";
import { beginEdition, goesBy, listsLess } from "./run/edition.ts";
import { RunEnding } from "./run/ending.ts";
import { askHooks, budgetUse, runView } from "./run/hooks.ts";
import { runPlan } from "./run/run-plan.ts";
import type { OpenRun, Run, RunState } from "./run/state.ts";
import { watchTime } from "./run/watch-time.ts";
import { createBoard } from "./status-board.ts";

interface End {
  status: EndStatus;
  rule: string;
  reason: string;
}

/**
 * One run of one agent: model and tools in turn under its budget, leases, gates and loop breaker, until it is done or
 * stopped. Subagents are child runs. Transcripts, arguments and results are rows; here are references and counts.
 */
export async function agentRun(
  order: RunRef & { caps?: RunCaps; edition?: number },
  carried?: RunState,
): Promise<RunResult> {
  beginEdition(order.edition);
  const ref: RunRef = { organisationId: order.organisationId, runId: order.runId };
  const place = workflowInfo().parent === undefined ? "root" : "child";
  const board = createBoard({ phase: "starting", detail: ref.runId });
  let signals = 0;
  setHandler(lookAgain, () => {
    signals += 1;
  });
  setHandler(status, board.current);

  let paused = false;
  let over = false;
  let told = false;
  let received = carried !== undefined;
  let state: RunState | undefined = carried;
  // The signal that a root run is started with says nothing; one run that goes on from another looks in any case.
  let seen = carried !== undefined ? -1 : workflowInfo().parent === undefined ? 1 : 0;
  let taking = false;
  const scope = new CancellationScope();
  // Takes what people say while the run works: a cancellation must not wait for a model's answer.
  const attend = async () => {
    // What is said before the conversation has begun comes after its beginning.
    await condition(() => state !== undefined || over);
    for (;;) {
      await condition(() => signals !== seen || over);
      if (over) return;
      seen = signals;
      taking = true;
      const taken = await records.takeCommands({ ...ref, after: state?.heard ?? 0 });
      taking = false;
      if (state !== undefined && taken.heard !== undefined) state.heard = taken.heard;
      if (taken.paused !== null) paused = taken.paused;
      const main = state?.threads["main"];
      if (main !== undefined) main.promptTokens += taken.said;
      if (taken.cancelled) {
        told = true;
        scope.cancel();
      }
    }
  };
  let deaf = false;
  const attending = attend().catch(() => {
    deaf = true;
  });

  let working = true;
  let recording = false;
  let watching: Promise<void> | undefined;
  let end: End;
  try {
    end = await scope.run(async () => {
      if (state === undefined) {
        const opened = await openRun[place](order);
        if (opened.kind === "closed") return opened;
        state = begin(opened, order.caps);
      }
      const { opened } = state;
      // A run that was under way before there were such alerts goes on without.
      if (state.clock !== undefined && goesBy("time-alerts"))
        watching = watchTime(
          ref,
          state,
          () => !working,
          (now) => {
            recording = now;
          },
        ).catch(() => undefined);
      if (listsLess()) board.note("running", opened.label, opened.ou);
      else board.show("running", opened.label, opened.ou);
      const run: Run = {
        ref,
        state,
        signals: () => signals,
        unpaused: async () => {
          if (!paused) return;
          board.show("paused", opened.label, opened.ou);
          await condition(() => !paused);
          board.show("running", opened.label, opened.ou);
        },
        pauseForPerson: async (id, reason) => {
          paused = true;
          await records.pauseRun({ ...ref, id, reason });
          await run.unpaused();
        },
        say: (phase, detail) => board.show(phase, detail, opened.ou),
      };
      if (!received) {
        received = true;
        const { input, own } = opened;
        const subject = { run: runView(run), budget: budgetUse(run), input, lease: { ok: true } as const };
        const verdict = await askHooks(run, "on_task_received", subject, own, "task");
        if (verdict.kind === "refuse")
          return { status: "failed", rule: `hook:${verdict.rule}`, reason: verdict.reason };
      }
      return work(run);
    });
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    end = endOf(error, told);
  }
  return CancellationScope.nonCancellable(async () => {
    working = false;
    if (watching !== undefined) await watching;
    const root = state?.budget.nodes[rootNode];
    const spent = root?.spent ?? { tokens: 0, costMicros: 0, calls: 0 };
    const below = state?.below ?? spent;
    const steps = state?.progress?.status;
    await finishRun[place]({
      ...ref,
      ...end,
      tokens: spent.tokens - below.tokens,
      costMicros: spent.costMicros - below.costMicros,
      calls: spent.calls - below.calls,
      ...(steps === undefined ? {} : { steps }),
    });
    over = true;
    await attending;
    if (listsLess() && end.status === "completed") board.note(end.status, end.reason, state?.opened.ou);
    else board.show(end.status, end.reason, listsLess() ? state?.opened.ou : undefined);
    await condition(allHandlersFinished);
    return { status: end.status, tokens: spent.tokens, costMicros: spent.costMicros, calls: spent.calls };
  });

  async function work(run: Run): Promise<End> {
    const moveOn = async () => {
      if (!workflowInfo().continueAsNewSuggested || Object.keys(run.state.budget.held).length > 0) return;
      await condition(allHandlersFinished);
      // What people say is taken once: what is being taken, and that they paused the run, would be lost on the way.
      await condition(() => !recording && (deaf || (!taking && !paused && signals === seen)));
      await continueAsNew<typeof agentRun>(order, { ...run.state, budget: forgetFinished(run.state.budget) });
    };
    const { plan } = run.state.opened;
    if (plan !== null) {
      await runPlan(run, moveOn);
      return { status: "completed", rule: "plan-done", reason: `all ${run.state.steps.length} steps are done` };
    }
    const main = threadOf(run, "main", run.state.opened.promptTokens);
    const final = await converse(run, main, null, moveOn);
    if (final?.plan != null)
      await records.noteRun({
        ...ref,
        id: "plan",
        type: "plan_validated",
        payload: { step_count: final.plan.length, hash: final.output.digest },
      });
    if (final?.gaveUp === true)
      return { status: "failed", rule: "gave-up", reason: "the agent says itself that it could not" };
    return { status: "completed", rule: "final-answer", reason: "the answer fits the output schema" };
  }
}

function begin(opened: OpenRun, caps: RunCaps | undefined): RunState {
  const own = opened.caps.deadline;
  // The earlier of its own and that of the run above it, which has a clock of its own.
  const above = caps?.deadline ?? Number.POSITIVE_INFINITY;
  const first = own !== undefined && own <= above;
  return {
    opened,
    budget: openBudget({ ...opened.caps, ...caps, ...(first ? { deadline: own } : {}) }),
    ...(first ? { clock: { since: Date.now(), told: 0 as const } } : {}),
    toolCalls: 0,
    stepNum: 0,
    below: { tokens: 0, costMicros: 0, calls: 0 },
    threads: {},
    progress: opened.plan === null ? null : openProgress(opened.plan),
    steps: opened.plan ?? [],
    replans: 0,
  };
}

function endOf(error: unknown, told: boolean): End {
  if (error instanceof RunEnding) return { status: error.status, rule: error.rule, reason: error.message };
  if (isCancellation(error))
    return { status: "cancelled", rule: told ? "cancelled-by-person" : "cancelled", reason: "the run was cancelled" };
  return {
    status: "failed",
    rule: "internal",
    reason: String(error instanceof Error ? error.message : error).slice(0, 500),
  };
}
