import { condition } from "@temporalio/workflow";
import { raise } from "../../core/budget/slices.ts";
import { type BudgetRefusal, rootNode } from "../../core/budget/tree.ts";
import type { PermissionState } from "../../core/runs/facts.ts";
import { records } from "./activities.ts";
import { RunEnding } from "./ending.ts";
import type { Run } from "./state.ts";

/**
 * What follows from a budget that does not suffice: a hard cap ends the run; a soft one asks people for more, and goes on
 * with what they allow. Steps that run side by side and meet the same cap ask once.
 * @throws RunEnding when there is no more to be had
 */
export async function budgetMet(run: Run, refusal: BudgetRefusal): Promise<void> {
  // What calls side by side have reserved is a bound, and most of it comes back: only then is the cap really met.
  const { budget } = run.state;
  if (refusal.unit !== "deadline" && Object.keys(budget.held).length > 0) {
    await condition(() => run.state.budget !== budget);
    return;
  }
  if (run.state.opened.mayAskForBudget !== true || refusal.unit === null) throw endedBy(refusal, refusal.reason);
  run.raising ??= askForMore(run, refusal).finally(() => {
    delete run.raising;
  });
  await run.raising;
}

async function askForMore(run: Run, refusal: BudgetRefusal): Promise<void> {
  const { state } = run;
  const round = (state.raises ?? 0) + 1;
  const { unit, needed, available, reason } = refusal;
  const asked = await records.askForBudget({
    ...run.ref,
    round,
    unit: unit ?? "tokens",
    needed,
    available,
    reason,
    atStart: state.opened.caps,
  });
  run.say("waiting", `a larger budget (${asked.requestId}), expires ${new Date(asked.expiresAt).toISOString()}`);
  const answer = await untilDecided(run, asked, (requestId) => records.settleBudget({ ...run.ref, requestId }));
  run.say("running", `a larger budget was ${answer.status}`);
  if (answer.status !== "approved")
    throw endedBy(refusal, `${reason}; a larger budget was ${answer.status}: ${answer.reason}`);
  const now = state.budget.nodes[rootNode]?.cap.deadline;
  const deadline = now === undefined || answer.deadline === undefined ? 0 : Math.max(0, answer.deadline - now);
  const raised = raise(state.budget, { node: rootNode, id: asked.requestId, by: { ...answer.by, deadline } });
  if (!raised.ok) throw endedBy(refusal, raised.reason);
  state.budget = raised.state;
  state.raises = round;
  // Time that was allowed begins when it was allowed, and so do its alerts.
  if (deadline > 0 && state.clock !== undefined) state.clock = { since: Date.now(), told: 0 };
}

/** Waits for a request that people decide: what wakes it proves nothing, the row is read each time. */
export async function untilDecided<State extends PermissionState>(
  run: Run,
  asked: PermissionState,
  settle: (requestId: string) => Promise<State>,
): Promise<State> {
  for (;;) {
    const seen = run.signals();
    const state = await settle(asked.requestId);
    if (state.status !== "pending") return state;
    await condition(() => run.signals() !== seen, Math.max(1_000, state.expiresAt - Date.now()));
  }
}

function endedBy({ unit }: BudgetRefusal, reason: string): RunEnding {
  return new RunEnding("stopped", unit === "deadline" ? "budget-time" : "budget-exhausted", reason);
}
