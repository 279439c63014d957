import { takeAlerts } from "./alerts.ts";
import {
  type Amounts,
  type BudgetResult,
  type BudgetState,
  budgetUnits,
  charge,
  eachUnit,
  firstOverdrawn,
  nodeOf,
  pathOf,
  type Settlement,
  type Totals,
  totalsOf,
} from "./tree.ts";

export interface Reserve {
  node: string;
  /** Of this call and no other: a second attempt after a failure takes a new id. */
  id: string;
  amounts: Amounts;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Sets aside what a call may use at most, when the node and all its ancestors allow it. An id that is held already is
 * not reserved again; one that is finished is refused, because nothing would stand behind the call.
 * @throws RangeError when the amounts are not non-negative integers
 */
export function reserve(state: BudgetState, { node, id, amounts, now }: Reserve): BudgetResult {
  if (Object.hasOwn(state.held, id)) return { ok: true, state };
  const wanted = totalsOf(amounts);
  const refuse = (reason: string): BudgetResult => ({ ok: false, node, unit: null, needed: 0, available: 0, reason });

  if (Object.hasOwn(state.finished, id)) return refuse(`reservation ${id} is finished: take a new id for a new call`);
  const asked = nodeOf(state.nodes, node);
  if (asked === undefined) return refuse(`there is no budget ${node}`);
  if (asked.closed) return refuse(`budget ${node} is closed`);
  for (const [at, { cap }] of pathOf(state.nodes, node))
    if (cap.deadline !== undefined && now >= cap.deadline) {
      const reason = `the deadline of budget ${at}, ${new Date(cap.deadline).toISOString()}, has passed`;
      return { ok: false, node: at, unit: "deadline", needed: now, available: cap.deadline, reason };
    }

  const nodes = charge(state.nodes, node, totalsOf({}), wanted);
  const refusal = firstOverdrawn(state.nodes, nodes, node, wanted);
  if (refusal !== null) return refusal;
  return { ok: true, state: { ...state, nodes, held: { ...state.held, [id]: { node, amounts: wanted } } } };
}

/**
 * Charges what a call has really used and gives the rest of its reservation back. The first outcome of an id counts.
 * @throws RangeError when the actual amounts are not non-negative integers
 */
export function settle(state: BudgetState, id: string, actual: Totals): Settlement {
  const reservation = Object.hasOwn(state.held, id) ? state.held[id] : undefined;
  if (reservation === undefined) return { state, applied: false, alerts: [], excess: null };
  const { node, amounts } = reservation;
  const used = totalsOf(actual);
  const charged = charge(
    state.nodes,
    node,
    used,
    eachUnit((unit) => -amounts[unit]),
  );
  const { nodes, alerts } = takeAlerts(charged, node);
  const { [id]: _, ...held } = state.held;
  return {
    state: { nodes, held, finished: { ...state.finished, [id]: true } },
    applied: true,
    alerts,
    excess: excessOf(used, amounts),
  };
}

/** Gives a reservation back: the call has definitely not been made, or not been charged. */
export function release(state: BudgetState, id: string): Settlement {
  return settle(state, id, totalsOf({}));
}

/** Charges a reservation in full: nobody knows what became of the call. */
export function settleAtFull(state: BudgetState, id: string): Settlement {
  const reservation = Object.hasOwn(state.held, id) ? state.held[id] : undefined;
  return settle(state, id, reservation?.amounts ?? totalsOf({}));
}

/** Forgets finished ids, to keep the state small: only where no event about them can arrive any more. */
export function forgetFinished(state: BudgetState): BudgetState {
  return { ...state, finished: {} };
}

/** What goes beyond the allowance, unit by unit; a unit without one is not limited. */
export function excessOf(used: Totals, allowance: Amounts): Amounts | null {
  const excess: Amounts = {};
  for (const unit of budgetUnits) {
    const allowed = allowance[unit] ?? used[unit];
    if (used[unit] > allowed) excess[unit] = used[unit] - allowed;
  }
  return Object.keys(excess).length === 0 ? null : excess;
}
