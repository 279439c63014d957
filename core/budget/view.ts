import { type BudgetState, type BudgetUnit, nodeOf, pathOf } from "./tree.ts";

interface UnitView {
  spent: number;
  reserved: number;
  /** Null: not limited at this node. */
  cap: number | null;
  /** Whole percent of the cap that is spent, rounded down. */
  percent: number | null;
  /** What could be reserved here now, ancestors considered. Null: not limited anywhere. */
  left: number | null;
}

export type BudgetView = Record<BudgetUnit, UnitView> & {
  /** The earliest deadline of the node and its ancestors, epoch milliseconds. */
  deadline: number | null;
  closed: boolean;
};

/** What a node has used and has left. Null when there is no such node. */
export function view(state: BudgetState, id: string): BudgetView | null {
  const node = nodeOf(state.nodes, id);
  if (node === undefined) return null;
  const deadlines = pathOf(state.nodes, id).flatMap(([, { cap }]) => cap.deadline ?? []);
  const unitView = (unit: BudgetUnit): UnitView => {
    const cap = node.cap[unit] ?? null;
    const spent = node.spent[unit];
    const percent = cap === null ? null : cap === 0 ? 100 : Math.floor((spent * 100) / cap);
    return { spent, reserved: node.reserved[unit], cap, percent, left: leftAt(state, id, unit) };
  };
  return {
    tokens: unitView("tokens"),
    costMicros: unitView("costMicros"),
    calls: unitView("calls"),
    deadline: deadlines.length === 0 ? null : Math.min(...deadlines),
    closed: node.closed,
  };
}

function leftAt({ nodes }: BudgetState, id: string, unit: BudgetUnit): number | null {
  let left: number | null = null;
  let drawn = false;
  for (const [, node] of pathOf(nodes, id)) {
    if (node.closed) return 0;
    const cap = node.cap[unit];
    if (cap === undefined) continue;
    const here = cap - node.spent[unit] - node.reserved[unit];
    // Above a slice that was drawn already, only an ancestor that is overrun still matters.
    if (here < 0) return 0;
    if (!drawn) left = here;
    drawn = true;
  }
  return left;
}
