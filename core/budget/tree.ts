/**
 * The budget of a run: a tree of plain JSON that lives in workflow state and goes along to its next execution.
 *
 * What is spent or reserved at a node counts at every ancestor too. A node with a cap in a unit has drawn that cap from
 * its parent when it was opened: up there it counts as reserved until it is spent or given back. In a unit without a cap
 * of its own a node draws from its ancestors as it goes.
 */

export const budgetUnits = ["tokens", "costMicros", "calls"] as const;

/** `costMicros` are millionths of a US dollar, `calls` are calls of a model. */
export type BudgetUnit = (typeof budgetUnits)[number];

/** Non-negative integers; what is absent is zero, or in a cap: not limited. */
export type Amounts = { [unit in BudgetUnit]?: number };
export type Totals = Record<BudgetUnit, number>;

/** `deadline` is epoch milliseconds: nothing is reserved from then on. */
export type Cap = Amounts & { deadline?: number };

export type AlertPercent = 70 | 90 | 100;

export interface BudgetNode {
  parent: string | null;
  cap: Cap;
  spent: Totals;
  reserved: Totals;
  /** The highest percentage that has been reported. */
  alerted: { [unit in BudgetUnit]?: AlertPercent };
  closed: boolean;
}

export type BudgetNodes = Record<string, BudgetNode>;

export interface BudgetState {
  nodes: BudgetNodes;
  /** Reservations whose outcome is not known yet. */
  held: Record<string, { node: string; amounts: Totals }>;
  /** Ids of reservations and raises that have taken effect, so that none does twice. */
  finished: Record<string, true>;
}

export interface BudgetAlert {
  node: string;
  unit: BudgetUnit;
  percent: AlertPercent;
}

export interface BudgetRefusal {
  ok: false;
  /** The node whose cap stands in the way: the one asked, or an ancestor. */
  node: string;
  /** Null: not a matter of amounts, see the reason. For `deadline`, needed and available are times (epoch ms). */
  unit: BudgetUnit | "deadline" | null;
  needed: number;
  available: number;
  reason: string;
}

export type BudgetResult = { ok: true; state: BudgetState } | BudgetRefusal;

export interface Settlement {
  state: BudgetState;
  /** False: this id was settled, released or closed before, or is unknown; nothing has changed. */
  applied: boolean;
  alerts: BudgetAlert[];
  /** What was used beyond the reservation or the slice. It is charged in full all the same. */
  excess: Amounts | null;
}

export const rootNode = "root";

/** A budget with one node, `rootNode`, of which nothing is used. */
export function openBudget(cap: Cap): BudgetState {
  return { nodes: { [rootNode]: newNode(null, cap) }, held: {}, finished: {} };
}

/** @throws RangeError when the cap is not made of non-negative integers */
export function newNode(parent: string | null, cap: Cap): BudgetNode {
  totalsOf(cap);
  if (cap.deadline !== undefined && !Number.isSafeInteger(cap.deadline))
    throw new RangeError(`a deadline is epoch milliseconds, not ${cap.deadline}`);
  return { parent, cap, spent: totalsOf({}), reserved: totalsOf({}), alerted: {}, closed: false };
}

export function nodeOf(nodes: BudgetNodes, id: string): BudgetNode | undefined {
  return Object.hasOwn(nodes, id) ? nodes[id] : undefined;
}

/** The node and its ancestors, itself first. */
export function pathOf(nodes: BudgetNodes, id: string | null): [id: string, node: BudgetNode][] {
  const path: [string, BudgetNode][] = [];
  for (let at = id; at !== null; ) {
    const node = nodeOf(nodes, at);
    if (node === undefined) break;
    path.push([at, node]);
    at = node.parent;
  }
  return path;
}

/** @throws RangeError for anything but non-negative integers: a negative amount would make budget out of nothing */
export function totalsOf(amounts: Amounts): Totals {
  return eachUnit((unit) => {
    const amount = amounts[unit] ?? 0;
    if (!Number.isSafeInteger(amount) || amount < 0)
      throw new RangeError(`budget amounts are non-negative integers, ${unit} is ${amount}`);
    return amount;
  });
}

export function eachUnit(amount: (unit: BudgetUnit) => number): Totals {
  return { tokens: amount("tokens"), costMicros: amount("costMicros"), calls: amount("calls") };
}

/** What an open node keeps from its parent beyond what it has spent: the rest of its slice, or more when it overran it. */
export function heldFromParent(node: BudgetNode, unit: BudgetUnit): number {
  const cap = node.cap[unit];
  return cap === undefined ? node.reserved[unit] : Math.max(cap - node.spent[unit], node.reserved[unit]);
}

/** Adds to what is spent and reserved at a node, and to its ancestors what is not covered by slices drawn before. */
export function charge(nodes: BudgetNodes, from: string | null, spent: Totals, reserved: Totals): BudgetNodes {
  let charged = nodes;
  let rest = reserved;
  for (const [id, node] of pathOf(nodes, from)) {
    const add = rest;
    const after: BudgetNode = {
      ...node,
      spent: eachUnit((unit) => node.spent[unit] + spent[unit]),
      reserved: eachUnit((unit) => node.reserved[unit] + add[unit]),
    };
    charged = { ...charged, [id]: after };
    rest = eachUnit((unit) => heldFromParent(after, unit) - heldFromParent(node, unit));
  }
  return charged;
}

/** The first node from here up to the root that a charge takes over its cap. */
export function firstOverdrawn(
  before: BudgetNodes,
  after: BudgetNodes,
  from: string | null,
  wanted: Totals,
): BudgetRefusal | null {
  for (const [id, node] of pathOf(after, from))
    for (const unit of budgetUnits) {
      const cap = node.cap[unit];
      if (wanted[unit] === 0 || cap === undefined || node.spent[unit] + node.reserved[unit] <= cap) continue;
      const was = nodeOf(before, id) ?? node;
      const available = Math.max(0, cap - was.spent[unit] - was.reserved[unit]);
      const reason = `${wanted[unit]} ${unit} are needed and ${available} of ${cap} are left in budget ${id}`;
      return { ok: false, node: id, unit, needed: wanted[unit], available, reason };
    }
  return null;
}
