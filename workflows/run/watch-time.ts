import { condition } from "@temporalio/workflow";
import { nextTimeAlert, type TimeAlert } from "../../core/budget/time-alerts.ts";
import { rootNode } from "../../core/budget/tree.ts";
import type { RunRef } from "../../core/ids.ts";
import { records } from "./activities.ts";
import type { RunState } from "./state.ts";

/** What is due next, with the deadline it is about. */
function due({ budget, clock }: RunState): (TimeAlert & { deadline: number }) | null {
  const deadline = budget.nodes[rootNode]?.cap.deadline;
  const next = clock === undefined || deadline === undefined ? null : nextTimeAlert(clock, deadline);
  return next === null || deadline === undefined ? null : { ...next, deadline };
}

/**
 * Says when 70 and 90 % of a run's time are over, each once, also while it waits for people, a tool or a model. It holds one
 * timer: the next alert's.
 * @param busy told while something is being recorded
 */
export async function watchTime(
  ref: RunRef,
  state: RunState,
  isOver: () => boolean,
  busy: (recording: boolean) => void,
): Promise<void> {
  while (!isOver()) {
    const next = due(state);
    const left = (next?.at ?? 0) - Date.now();
    if (next === null) await condition(() => isOver() || due(state) !== null);
    // More time may be given meanwhile: then another alert is the next.
    else if (left > 0) await condition(() => isOver() || due(state)?.at !== next.at, left);
    else {
      const { percent, deadline } = next;
      busy(true);
      await records
        .noteRun({
          ...ref,
          id: `budget:deadline:${percent}:${deadline}`,
          type: "budget_warning",
          payload: { unit: "deadline", percent, cap: deadline },
        })
        .finally(() => busy(false));
      // Given more time while this was recorded, the run has another clock.
      if (due(state)?.at === next.at && state.clock !== undefined) state.clock.told = percent;
    }
  }
}
