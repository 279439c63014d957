import { budgetUnits, rootNode } from "../../core/budget/tree.ts";
import { view } from "../../core/budget/view.ts";
import { rulesAt } from "../../core/hooks/built-in.ts";
import type { HookPoint } from "../../core/hooks/points.ts";
import { runHooks } from "../../core/hooks/run-hooks.ts";
import type { BudgetUse, RunView, SubjectOf } from "../../core/hooks/subjects.ts";
import type { OwnVerdict } from "../../core/runs/facts.ts";
import { records } from "./activities.ts";
import { RunEnding } from "./ending.ts";
import type { Run } from "./state.ts";

export type HookVerdict = { kind: "pass" } | { kind: "refuse"; rule: string; reason: string };

/** How far the run's budget is used up, for rules that look at it. */
export function budgetUse({ state }: Pick<Run, "state">): BudgetUse[] {
  const used = view(state.budget, rootNode);
  return budgetUnits.flatMap((unit) => {
    const percent = used?.[unit].percent ?? null;
    return percent === null ? [] : [{ unit, percent }];
  });
}

/** The run, as rules may look at it. */
export function runView({ ref, state: { opened } }: Run): RunView {
  const { agent, role, model, mode, repair } = opened;
  return { id: ref.runId, agent, role, model, mode, schemaValidation: repair ? "repair" : "strict" };
}

/**
 * Asks our rules of one point, then takes up what the definition's own said beside the transcript. What aborts ends the
 * run; what refuses is for the caller. What was repaired on the way is recorded.
 */
export async function askHooks<P extends HookPoint>(
  run: Run,
  point: P,
  subject: SubjectOf<P>,
  own: OwnVerdict,
  id: string,
): Promise<HookVerdict> {
  const outcome = runHooks(point, rulesAt(point, run.state.opened.hooksEnabled, []), subject);
  for (const [index, event] of outcome.events.entries())
    if (event.kind === "repair")
      await records.noteRun({
        ...run.ref,
        id: `hook:${point}:${id}:${index}`,
        type: "hook",
        payload: { point, rule: event.rule, note: event.note },
      });
  const verdict = outcome.kind === "pass" || outcome.kind === "ask" ? own : outcome;
  if (verdict.kind === "abort") throw new RunEnding("failed", `hook:${verdict.rule}`, verdict.reason);
  return verdict.kind === "refuse" ? { kind: "refuse", rule: verdict.rule, reason: verdict.reason } : { kind: "pass" };
}
