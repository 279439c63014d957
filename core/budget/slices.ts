import { rearm, takeAlerts } from "./alerts.ts";
import { excessOf, settleAtFull } from "./reservations.ts";
import {
  type BudgetAlert,
  type BudgetNode,
  type BudgetResult,
  type BudgetState,
  budgetUnits,
  type Cap,
  charge,
  eachUnit,
  firstOverdrawn,
  heldFromParent,
  newNode,
  nodeOf,
  type Settlement,
  type Totals,
  totalsOf,
} from "./tree.ts";

/**
 * Draws a slice from a parent, all units or none. In units that the cap leaves out the child draws from its ancestors
 * as it goes.
 * @throws RangeError when the cap is not made of non-negative integers
 */
export function openChild(state: BudgetState, parent: string, child: string, cap: Cap): BudgetResult {
  const refuse = (node: string, reason: string): BudgetResult => ({
    ok: false,
    node,
    unit: null,
    needed: 0,
    available: 0,
    reason,
  });
  const existing = nodeOf(state.nodes, child);
  if (existing?.closed === true) return refuse(child, `budget ${child} is closed`);
  if (existing !== undefined && existing.parent !== parent) return refuse(child, `budget ${child} has another parent`);
  if (existing !== undefined) return { ok: true, state };
  const from = nodeOf(state.nodes, parent);
  if (from === undefined) return refuse(parent, `there is no budget ${parent}`);
  if (from.closed) return refuse(parent, `budget ${parent} is closed`);

  const slice = totalsOf(cap);
  const nodes = charge(state.nodes, parent, totalsOf({}), slice);
  const refusal = firstOverdrawn(state.nodes, nodes, parent, slice);
  if (refusal !== null) return refusal;
  return { ok: true, state: { ...state, nodes: { ...nodes, [child]: newNode(parent, cap) } } };
}

/**
 * Ends a node and gives back what it did not use. What is still open under it has an unknown outcome and is charged in
 * full.
 * @param used all that the child has used, as far as it was counted elsewhere: what the node has seen itself is the
 *   least. `unknown` charges the whole slice.
 * @throws RangeError when the used amounts are not non-negative integers
 */
export function closeChild(state: BudgetState, child: string, used: Totals | "unknown"): Settlement {
  const known = nodeOf(state.nodes, child);
  if (known === undefined || known.closed) return { state, applied: false, alerts: [], excess: null };
  const alerts: BudgetAlert[] = [];
  let open = state;
  const keep = (settlement: Settlement) => {
    open = settlement.state;
    alerts.push(...settlement.alerts);
  };
  for (const [id, node] of Object.entries(state.nodes))
    if (node.parent === child) keep(closeChild(open, id, "unknown"));
  for (const [id, reservation] of Object.entries(open.held))
    if (reservation.node === child) keep(settleAtFull(open, id));

  const before = nodeOf(open.nodes, child) ?? known;
  const total = used === "unknown" ? eachUnit((unit) => before.cap[unit] ?? 0) : totalsOf(used);
  const unseen = eachUnit((unit) => Math.max(0, total[unit] - before.spent[unit]));
  const charged = charge(open.nodes, child, unseen, totalsOf({}));
  const last = nodeOf(charged, child) ?? before;
  const rest = eachUnit((unit) => -heldFromParent(last, unit));
  const closed: BudgetNode = { ...last, closed: true };
  const final = takeAlerts(charge({ ...charged, [child]: closed }, last.parent, totalsOf({}), rest), child);
  return {
    state: { ...open, nodes: final.nodes },
    applied: true,
    alerts: [...alerts, ...final.alerts],
    excess: excessOf(last.spent, last.cap),
  };
}

export interface Raise {
  node: string;
  /** Of this raise, in the same space as the ids of reservations. */
  id: string;
  /** Added to the cap; `deadline` in milliseconds. Units that are not limited stay so. */
  by: Cap;
}

/**
 * Raises the cap of a node; a child draws the difference from its parent.
 * @throws RangeError when the amounts are not non-negative integers
 */
export function raise(state: BudgetState, { node: id, id: raiseId, by }: Raise): BudgetResult {
  if (Object.hasOwn(state.finished, raiseId)) return { ok: true, state };
  const node = nodeOf(state.nodes, id);
  if (node === undefined || node.closed) {
    const reason = node === undefined ? `there is no budget ${id}` : `budget ${id} is closed`;
    return { ok: false, node: id, unit: null, needed: 0, available: 0, reason };
  }
  const more = totalsOf(by);
  const cap: Cap = { ...node.cap };
  for (const unit of budgetUnits) {
    const limit = cap[unit];
    if (limit !== undefined) cap[unit] = limit + more[unit];
  }
  if (cap.deadline !== undefined) cap.deadline += by.deadline ?? 0;

  const raised = rearm({ ...node, cap });
  const drawn = eachUnit((unit) => heldFromParent(raised, unit) - heldFromParent(node, unit));
  const nodes = charge({ ...state.nodes, [id]: raised }, node.parent, totalsOf({}), drawn);
  const refusal = firstOverdrawn(state.nodes, nodes, node.parent, drawn);
  if (refusal !== null) return refusal;
  return { ok: true, state: { ...state, nodes, finished: { ...state.finished, [raiseId]: true } } };
}
