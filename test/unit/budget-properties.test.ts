import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { release, reserve, settle, settleAtFull } from "../../core/budget/reservations.ts";
import { closeChild, openChild, raise } from "../../core/budget/slices.ts";
import {
  type Amounts,
  type BudgetState,
  budgetUnits,
  type Cap,
  eachUnit,
  openBudget,
  rootNode,
  type Totals,
} from "../../core/budget/tree.ts";

type Change = (state: BudgetState) => BudgetState;

/** What a bookkeeper would note who knows nothing of how the tree keeps its sums. */
interface Ledger {
  parent: Map<string, string | null>;
  cap: Map<string, Cap>;
  closed: Set<string>;
  held: Map<string, { node: string; amounts: Totals }>;
  /** Spent at the node itself, without its children. */
  spent: Map<string, Totals>;
  changes: Change[];
}

/** Percent of the slice; from here on it stands for an end that nobody knows. */
const unknownEnd = 101;

const nothing: Totals = { tokens: 0, costMicros: 0, calls: 0 };
const plus = (one: Totals, other: Totals) => eachUnit((unit) => one[unit] + other[unit]);
const childrenOf = (ledger: Ledger, node: string) =>
  [...ledger.parent].filter(([, parent]) => parent === node).map(([id]) => id);

function spentUnder(ledger: Ledger, node: string): Totals {
  return childrenOf(ledger, node)
    .map((id) => spentUnder(ledger, id))
    .reduce(plus, ledger.spent.get(node) ?? nothing);
}

function reservedAt(ledger: Ledger, node: string): Totals {
  const own = [...ledger.held.values()].filter((held) => held.node === node).map(({ amounts }) => amounts);
  const slices = childrenOf(ledger, node)
    .filter((id) => !ledger.closed.has(id))
    .map((id) => {
      const [cap, spent, reserved] = [ledger.cap.get(id) ?? {}, spentUnder(ledger, id), reservedAt(ledger, id)];
      return eachUnit((unit) => (cap[unit] === undefined ? reserved[unit] : cap[unit] - spent[unit]));
    });
  return [...own, ...slices].reduce(plus, nothing);
}

function check(state: BudgetState, ledger: Ledger): void {
  for (const [id, node] of Object.entries(state.nodes)) {
    expect(node.spent).toEqual(spentUnder(ledger, id));
    expect(node.reserved).toEqual(ledger.closed.has(id) ? nothing : reservedAt(ledger, id));
    for (const unit of budgetUnits) {
      const cap = node.cap[unit];
      if (cap === undefined) continue;
      expect(node.spent[unit] + node.reserved[unit]).toBeLessThanOrEqual(cap);
      const slices = childrenOf(ledger, id).filter((child) => !ledger.closed.has(child));
      const drawn = slices.reduce((sum, child) => sum + (ledger.cap.get(child)?.[unit] ?? 0), 0);
      expect(drawn).toBeLessThanOrEqual(cap);
    }
  }
}

const amounts = (most: number) =>
  fc.record(
    { tokens: fc.nat(most), costMicros: fc.nat(most), calls: fc.nat(5) },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Amounts>;
const pick = fc.nat(1_000);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("reserve" as const), pick, amounts: amounts(300) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("settle" as const), pick, part: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("release" as const, "full" as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const), pick, amounts: amounts(600) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), pick, part: fc.nat(120) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("raise" as const), pick, amounts: amounts(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), pick }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const oneOf = <Value>(values: readonly Value[], index: number) => values[index % Math.max(1, values.length)];
const share = (whole: Totals, percent: number) => eachUnit((unit) => Math.floor((whole[unit] * percent) / 100));
const spend = (ledger: Ledger, node: string, used: Totals) =>
  ledger.spent.set(node, plus(ledger.spent.get(node) ?? nothing, used));

/** Makes the change, notes it, and sees that making it again changes nothing. */
function make(state: BudgetState, ledger: Ledger, change: Change): BudgetState {
  const after = change(state);
  expect(change(after)).toEqual(after);
  ledger.changes.push(change);
  return after;
}

function settled(state: BudgetState, ledger: Ledger, id: string, used: Totals, change: Change): BudgetState {
  spend(ledger, ledger.held.get(id)?.node ?? rootNode, used);
  ledger.held.delete(id);
  return make(state, ledger, change);
}

/** Notes the end of a node; what is open under it has an unknown end. Returns what was counted elsewhere. */
function noteClose(ledger: Ledger, node: string, percent: number): Totals | "unknown" {
  for (const child of childrenOf(ledger, node)) if (!ledger.closed.has(child)) noteClose(ledger, child, unknownEnd);
  for (const [id, held] of ledger.held)
    if (held.node === node) {
      spend(ledger, node, held.amounts);
      ledger.held.delete(id);
    }
  const slice = eachUnit((unit) => ledger.cap.get(node)?.[unit] ?? 0);
  const total = percent >= unknownEnd ? slice : share(slice, percent);
  const seen = spentUnder(ledger, node);
  spend(
    ledger,
    node,
    eachUnit((unit) => Math.max(0, total[unit] - seen[unit])),
  );
  ledger.closed.add(node);
  return percent >= unknownEnd ? "unknown" : total;
}

function close(state: BudgetState, ledger: Ledger, node: string, percent: number): BudgetState {
  const used = noteClose(ledger, node, percent);
  return make(state, ledger, (now) => closeChild(now, node, used).state);
}

function take(state: BudgetState, ledger: Ledger, action: Step, id: string): BudgetState {
  const nodes = [...ledger.parent.keys()].filter((node) => !ledger.closed.has(node));
  const node = oneOf(nodes, action.pick) ?? rootNode;
  const heldId = oneOf([...ledger.held.keys()], action.pick);
  const held = heldId === undefined ? undefined : ledger.held.get(heldId);
  switch (action.kind) {
    case "reserve": {
      const result = reserve(state, { node, id, amounts: action.amounts, now: 0 });
      if (!result.ok) return state;
      ledger.held.set(id, { node, amounts: { ...nothing, ...action.amounts } });
      return make(state, ledger, (now) => {
        const again = reserve(now, { node, id, amounts: action.amounts, now: 0 });
        return again.ok ? again.state : now;
      });
    }
    case "settle": {
      if (heldId === undefined || held === undefined) return state;
      const used = share(held.amounts, action.part);
      return settled(state, ledger, heldId, used, (now) => settle(now, heldId, used).state);
    }
    case "release":
      if (heldId === undefined) return state;
      return settled(state, ledger, heldId, nothing, (now) => release(now, heldId).state);
    case "full":
      if (heldId === undefined || held === undefined) return state;
      return settled(state, ledger, heldId, held.amounts, (now) => settleAtFull(now, heldId).state);
    case "open": {
      if (!openChild(state, node, id, action.amounts).ok) return state;
      ledger.parent.set(id, node);
      ledger.cap.set(id, action.amounts);
      return make(state, ledger, (now) => {
        const again = openChild(now, node, id, action.amounts);
        return again.ok ? again.state : now;
      });
    }
    case "close":
      return node === rootNode ? state : close(state, ledger, node, action.part);
    case "raise": {
      const { amounts: by } = action;
      if (!raise(state, { node, id, by }).ok) return state;
      const cap = { ...ledger.cap.get(node) };
      for (const unit of budgetUnits) if (cap[unit] !== undefined) cap[unit] += by[unit] ?? 0;
      ledger.cap.set(node, cap);
      return make(state, ledger, (now) => {
        const again = raise(now, { node, id, by });
        return again.ok ? again.state : now;
      });
    }
    case "crash": {
      // State comes back from its JSON, and an event of the past is delivered once more.
      const restored = JSON.parse(JSON.stringify(state)) as BudgetState;
      const again = oneOf(ledger.changes, action.pick)?.(restored) ?? restored;
      expect(again).toEqual(state);
      return again;
    }
  }
}

describe("a budget tree", () => {
  const root: Cap = { tokens: 1_000, costMicros: 1_500, calls: 20 };

  test("never holds more than its caps at any node, adds up, forgets nothing and does nothing twice", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (actions) => {
        const ledger: Ledger = {
          parent: new Map([[rootNode, null]]),
          cap: new Map([[rootNode, root]]),
          closed: new Set(),
          held: new Map(),
          spent: new Map(),
          changes: [],
        };
        let state = openBudget(root);
        for (const [index, action] of actions.entries()) {
          state = take(state, ledger, action, `${action.kind}-${index}`);
          check(state, ledger);
        }
        state = close(state, ledger, rootNode, 0);
        check(state, ledger);
        expect(state.held).toEqual({});
        for (const node of Object.values(state.nodes)) expect(node).toMatchObject({ reserved: nothing, closed: true });
      }),
      { numRuns: 2_000 },
    );
  });

  test("charges what goes beyond a reservation in full, at every ancestor", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(50), fc.nat(100)), { maxLength: 30 }), (calls) => {
        let state = openBudget({ tokens: 500 });
        for (const [id, parent] of [
          ["a", rootNode],
          ["b", "a"],
        ] as const) {
          const opened = openChild(state, parent, id, { tokens: 200 });
          if (opened.ok) state = opened.state;
        }
        let total = 0;
        for (const [index, [pickNode, wanted, actual]] of calls.entries()) {
          const node = [rootNode, "a", "b"][pickNode] ?? rootNode;
          const result = reserve(state, { node, id: `${index}`, amounts: { tokens: wanted }, now: 0 });
          if (!result.ok) continue;
          const settlement = settle(result.state, `${index}`, { ...nothing, tokens: actual });
          expect(settlement.excess).toEqual(actual > wanted ? { tokens: actual - wanted } : null);
          state = settlement.state;
          total += actual;
          expect(state.nodes[rootNode]?.spent.tokens).toBe(total);
        }
      }),
    );
  });
});

/** Pseudo-random numbers below a limit (mulberry32): cheap, and one seed repeats a whole run. */
function dice(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at + 0x6d2b79f5) | 0;
    let mixed = Math.imul(at ^ (at >>> 15), 1 | at);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe("200 consumers at once", () => {
  test("interleaved at random never take a budget over its cap, and leave nothing reserved", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const roll = dice(seed);
        const cap = { tokens: 20_000, costMicros: 30_000, calls: 300 };
        let state = openBudget(cap);
        for (let slice = 0; slice < 10; slice += 1) {
          const opened = openChild(state, rootNode, `slice-${slice}`, slice % 2 === 0 ? { tokens: 1_500 } : {});
          if (opened.ok) state = opened.state;
        }
        const consumers = Array.from({ length: 200 }, (_, index) => ({
          node: index % 3 === 0 ? rootNode : `slice-${index % 10}`,
          rounds: 4,
          waiting: null as { id: string; amounts: Totals } | null,
        }));
        let refused = 0;
        for (let active = consumers; active.length > 0; active = active.filter(({ rounds }) => rounds > 0)) {
          const index = roll(active.length);
          const consumer = active[index];
          if (consumer === undefined) break;
          if (consumer.waiting === null) {
            const wanted = { tokens: 1 + roll(200), costMicros: 1 + roll(200), calls: 1 };
            const id = `${consumers.indexOf(consumer)}-${consumer.rounds}`;
            const result = reserve(state, { node: consumer.node, id, amounts: wanted, now: 0 });
            if (result.ok) {
              state = result.state;
              consumer.waiting = { id, amounts: wanted };
            } else {
              refused += 1;
              consumer.rounds -= 1;
            }
          } else {
            const { id, amounts: most } = consumer.waiting;
            const end = roll(4);
            if (end === 0) state = release(state, id).state;
            else if (end === 1) state = settleAtFull(state, id).state;
            else state = settle(state, id, share(most, roll(101))).state;
            consumer.waiting = null;
            consumer.rounds -= 1;
          }
          for (const { cap: limit, spent, reserved } of Object.values(state.nodes))
            for (const unit of budgetUnits)
              if (spent[unit] + reserved[unit] > (limit[unit] ?? Number.POSITIVE_INFINITY))
                throw new Error(`${unit} over the cap`);
        }
        expect(refused).toBeGreaterThan(0);
        expect(state.held).toEqual({});
        const { state: end } = closeChild(state, rootNode, nothing);
        for (const { reserved } of Object.values(end.nodes)) expect(reserved.calls).toBe(0);
      }),
      { numRuns: 30 },
    );
  });
});
