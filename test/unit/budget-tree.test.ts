import { describe, expect, test } from "vitest";
import { forgetFinished, release, reserve, settle, settleAtFull } from "../../core/budget/reservations.ts";
import { closeChild, openChild, raise } from "../../core/budget/slices.ts";
import {
  type Amounts,
  type BudgetResult,
  type BudgetState,
  type Cap,
  openBudget,
  rootNode,
  type Totals,
} from "../../core/budget/tree.ts";
import { view } from "../../core/budget/view.ts";

const used = (tokens: number, more: Partial<Totals> = {}): Totals => ({ tokens, costMicros: 0, calls: 0, ...more });
const done = (result: BudgetResult): BudgetState => {
  if (!result.ok) throw new Error(result.reason);
  return result.state;
};
const reserved = (state: BudgetState, id: string, amounts: Amounts, node: string = rootNode) =>
  done(reserve(state, { node, id, amounts, now: 0 }));
const spend = (state: BudgetState, id: string, tokens: number, node: string = rootNode) =>
  settle(reserved(state, id, { tokens }, node), id, used(tokens));
const child = (state: BudgetState, id: string, cap: Cap, parent: string = rootNode) =>
  done(openChild(state, parent, id, cap));
const tokensOf = (state: BudgetState, node: string = rootNode) => view(state, node)?.tokens;

describe("a reservation", () => {
  const full = { tokens: 100, costMicros: 1_000, calls: 2, deadline: 5_000 };

  test.each<[string, Amounts, number, object]>([
    ["fits exactly", { tokens: 100, costMicros: 1_000, calls: 2 }, 4_999, { ok: true }],
    ["needs a token too many", { tokens: 101 }, 0, { ok: false, unit: "tokens", needed: 101, available: 100 }],
    ["costs too much", { costMicros: 1_001 }, 0, { ok: false, unit: "costMicros", needed: 1_001, available: 1_000 }],
    ["is a call too many", { calls: 3 }, 0, { ok: false, unit: "calls", needed: 3, available: 2 }],
    ["comes at the deadline", {}, 5_000, { ok: false, unit: "deadline", needed: 5_000, available: 5_000 }],
  ])("that %s", (_, amounts, now, expected) => {
    expect(reserve(openBudget(full), { node: rootNode, id: "a", amounts, now })).toMatchObject(expected);
  });

  test("is refused in a sentence that says what is needed, what is left, and where", () => {
    const state = reserved(openBudget({ tokens: 100 }), "a", { tokens: 60 });
    expect(reserve(state, { node: rootNode, id: "b", amounts: { tokens: 41 }, now: 0 })).toEqual({
      ok: false,
      node: "root",
      unit: "tokens",
      needed: 41,
      available: 40,
      reason: "41 tokens are needed and 40 of 100 are left in budget root",
    });
  });

  test("is not limited in units that no cap names", () => {
    expect(
      reserve(openBudget({ calls: 1 }), { node: rootNode, id: "a", amounts: { tokens: 1e12 }, now: 9e15 }).ok,
    ).toBe(true);
  });

  test("gives back what the call did not use", () => {
    const { state } = settle(reserved(openBudget({ tokens: 100 }), "a", { tokens: 80 }), "a", used(30));
    expect(tokensOf(state)).toEqual({ spent: 30, reserved: 0, cap: 100, percent: 30, left: 70 });
  });

  test("is given back whole on a definite failure, and charged whole on an unknown outcome", () => {
    const state = reserved(openBudget({ tokens: 100 }), "a", { tokens: 80 });
    expect(tokensOf(release(state, "a").state)).toMatchObject({ spent: 0, reserved: 0 });
    expect(tokensOf(settleAtFull(state, "a").state)).toMatchObject({ spent: 80, reserved: 0 });
  });

  test("that was too small is charged in full all the same, and what it lacked is told", () => {
    const state = reserved(openBudget({ tokens: 100, calls: 1 }), "a", { tokens: 80, calls: 1 });
    const settled = settle(state, "a", used(130, { calls: 1 }));
    expect(settled.excess).toEqual({ tokens: 50 });
    expect(tokensOf(settled.state)).toMatchObject({ spent: 130, percent: 130, left: 0 });
    expect(reserve(settled.state, { node: rootNode, id: "b", amounts: { tokens: 1 }, now: 0 }).ok).toBe(false);
  });

  test("keeps its first outcome", () => {
    const first = spend(openBudget({ tokens: 100 }), "a", 30);
    for (const again of [settle(first.state, "a", used(99)), release(first.state, "a"), settleAtFull(first.state, "a")])
      expect(again).toEqual({ state: first.state, applied: false, alerts: [], excess: null });
  });

  test("that is finished cannot be made again: nothing would stand behind the call", () => {
    const { state } = release(reserved(openBudget({ tokens: 100 }), "a", { tokens: 10 }), "a");
    const again = reserve(state, { node: rootNode, id: "a", amounts: { tokens: 10 }, now: 0 });
    expect(again).toMatchObject({
      ok: false,
      unit: null,
      reason: "reservation a is finished: take a new id for a new call",
    });
    expect(forgetFinished(state).finished).toEqual({});
  });

  test.each([
    ["a negative", -1],
    ["a broken", 0.5],
    ["no", Number.NaN],
    ["an endless", Number.POSITIVE_INFINITY],
  ])("of %s number is a fault of the program", (_, tokens) => {
    const state = reserved(openBudget({ tokens: 100 }), "a", { tokens: 10 });
    expect(() => reserve(state, { node: rootNode, id: "b", amounts: { tokens }, now: 0 })).toThrow(RangeError);
    expect(() => settle(state, "a", used(tokens))).toThrow(RangeError);
    expect(() => openBudget({ tokens })).toThrow(RangeError);
  });

  test("works with ids that objects know already", () => {
    for (const id of ["__proto__", "constructor", "toString"]) {
      const start = openBudget({ tokens: 100 });
      expect(reserve(start, { node: id, id: "a", amounts: { tokens: 1 }, now: 0 }).ok).toBe(false);
      expect(settle(start, id, used(5)).applied).toBe(false);
      const state = spend(child(start, id, { tokens: 50 }), id, 20, id).state;
      expect(tokensOf(closeChild(state, id, used(0)).state)).toMatchObject({ spent: 20, reserved: 0 });
    }
  });
});

describe("alerts", () => {
  test("come at 70, 90 and 100 percent, each once", () => {
    let state = openBudget({ tokens: 100 });
    const told: number[][] = [];
    for (const [index, tokens] of [69, 1, 10, 10, 5, 5, 0].entries()) {
      const settled = spend(state, `${index}`, tokens);
      told.push(settled.alerts.map(({ percent }) => percent));
      state = settled.state;
    }
    expect(told).toEqual([[], [70], [], [90], [], [100], []]);
  });

  test("that one call passes together come together", () => {
    expect(spend(openBudget({ tokens: 100 }), "a", 95).alerts).toEqual([
      { node: "root", unit: "tokens", percent: 70 },
      { node: "root", unit: "tokens", percent: 90 },
    ]);
  });

  test("come for each unit and for every ancestor that is concerned", () => {
    const state = child(openBudget({ tokens: 100, calls: 10 }), "c", { tokens: 80 });
    const { alerts } = settle(reserved(state, "a", { tokens: 72, calls: 7 }, "c"), "a", used(72, { calls: 7 }));
    expect(alerts).toEqual([
      { node: "c", unit: "tokens", percent: 70 },
      { node: "c", unit: "tokens", percent: 90 },
      { node: "root", unit: "tokens", percent: 70 },
      { node: "root", unit: "calls", percent: 70 },
    ]);
  });

  test("come anew after a raise for what is not reached of the new cap", () => {
    const before = spend(openBudget({ tokens: 100 }), "a", 90).state;
    const raised = done(raise(before, { node: rootNode, id: "r", by: { tokens: 20 } }));
    expect(spend(raised, "b", 9).alerts).toEqual([]);
    expect(spend(raised, "c", 18).alerts).toEqual([{ node: "root", unit: "tokens", percent: 90 }]);
  });

  test("do not come for a cap of nothing of which nothing is spent", () => {
    expect(spend(openBudget({ tokens: 0 }), "a", 0).alerts).toEqual([]);
  });
});

describe("a child", () => {
  test("draws its slice from the parent when it is opened, and gives back what it did not use", () => {
    const open = child(openBudget({ tokens: 100 }), "c", { tokens: 60 });
    expect(tokensOf(open)).toMatchObject({ spent: 0, reserved: 60, left: 40 });
    const busy = spend(open, "a", 25, "c").state;
    expect(tokensOf(busy)).toMatchObject({ spent: 25, reserved: 35, left: 40 });
    const closed = closeChild(busy, "c", used(25));
    expect(closed).toMatchObject({ applied: true, excess: null });
    expect(tokensOf(closed.state)).toMatchObject({ spent: 25, reserved: 0, left: 75 });
  });

  test("is refused when its slice does not fit", () => {
    const open = child(openBudget({ tokens: 100, calls: 5 }), "c", { tokens: 60 });
    expect(openChild(open, rootNode, "d", { tokens: 41 })).toMatchObject({
      ok: false,
      node: "root",
      unit: "tokens",
      needed: 41,
      available: 40,
    });
    expect(openChild(open, "c", "d", { calls: 6 })).toMatchObject({ node: "root", unit: "calls", available: 5 });
    expect(openChild(open, "nobody", "d", {})).toMatchObject({ ok: false, reason: "there is no budget nobody" });
  });

  test("cannot spend beyond its slice, whatever the parent has left", () => {
    const open = child(openBudget({ tokens: 100 }), "c", { tokens: 10 });
    expect(reserve(open, { node: "c", id: "a", amounts: { tokens: 11 }, now: 0 })).toMatchObject({
      node: "c",
      available: 10,
    });
  });

  test("draws units without a slice from its ancestors", () => {
    const open = child(openBudget({ tokens: 100, calls: 2 }), "c", { tokens: 60 });
    const busy = reserved(open, "a", { calls: 2 }, "c");
    expect(reserve(busy, { node: rootNode, id: "b", amounts: { calls: 1 }, now: 0 })).toMatchObject({
      ok: false,
      unit: "calls",
    });
    expect(view(busy, "c")?.calls).toMatchObject({ cap: null, percent: null, left: 0 });
  });

  test("stops at the deadline of an ancestor", () => {
    const open = child(openBudget({ deadline: 1_000 }), "c", { deadline: 9_000 });
    expect(reserve(open, { node: "c", id: "a", amounts: {}, now: 1_000 })).toMatchObject({
      node: "root",
      unit: "deadline",
    });
    expect(view(open, "c")?.deadline).toBe(1_000);
  });

  test("that ran elsewhere is charged what was counted there", () => {
    const open = child(openBudget({ tokens: 100 }), "c", { tokens: 60 });
    const closed = closeChild(open, "c", used(50));
    expect(tokensOf(closed.state)).toMatchObject({ spent: 50, reserved: 0 });
  });

  test("that used more than its slice is charged in full, and the excess is told", () => {
    const closed = closeChild(child(openBudget({ tokens: 100 }), "c", { tokens: 60 }), "c", used(90));
    expect(closed.excess).toEqual({ tokens: 30 });
    expect(closed.alerts).toContainEqual({ node: "root", unit: "tokens", percent: 90 });
    expect(tokensOf(closed.state)).toMatchObject({ spent: 90, reserved: 0, left: 10 });
  });

  test("that overruns its slice takes the rest from the parent at once, not only at its end", () => {
    const open = child(openBudget({ tokens: 100 }), "c", { tokens: 60 });
    const { state } = settle(reserved(open, "a", { tokens: 60 }, "c"), "a", used(80));
    expect(tokensOf(state)).toMatchObject({ spent: 80, reserved: 0, left: 20 });
  });

  test("finds nothing left once a sibling has overrun the parent", () => {
    const open = child(child(openBudget({ tokens: 100 }), "c", { tokens: 50 }), "d", { tokens: 50 });
    const { state } = settle(reserved(open, "a", { tokens: 50 }, "c"), "a", used(51));
    expect(tokensOf(state, "d")).toMatchObject({ left: 0 });
    expect(reserve(state, { node: "d", id: "b", amounts: { tokens: 1 }, now: 0 })).toMatchObject({
      ok: false,
      node: "root",
    });
  });

  test("of unknown end is charged its whole slice, and so is what is open under one that ends", () => {
    const open = child(child(openBudget({ tokens: 100 }), "c", { tokens: 60 }), "d", { tokens: 40 }, "c");
    expect(tokensOf(closeChild(open, "c", "unknown").state)).toMatchObject({ spent: 60, reserved: 0 });
    const busy = reserved(open, "a", { tokens: 10 }, "c");
    expect(tokensOf(closeChild(busy, "c", used(0)).state)).toMatchObject({ spent: 50, reserved: 0 });
  });

  test("that is closed takes nothing any more, and is not closed or opened again", () => {
    const { state } = closeChild(child(openBudget({ tokens: 100 }), "c", { tokens: 60 }), "c", used(5));
    expect(closeChild(state, "c", "unknown")).toMatchObject({ state, applied: false });
    expect(openChild(state, rootNode, "c", { tokens: 60 })).toMatchObject({ ok: false, reason: "budget c is closed" });
    expect(openChild(state, "c", "d", {})).toMatchObject({ ok: false, reason: "budget c is closed" });
    expect(reserve(state, { node: "c", id: "a", amounts: {}, now: 0 })).toMatchObject({ ok: false, unit: null });
    expect(raise(state, { node: "c", id: "r", by: { tokens: 1 } })).toMatchObject({ ok: false, unit: null });
    expect(view(state, "c")).toMatchObject({ closed: true, tokens: { spent: 5, left: 0 } });
  });
});

describe("a raise", () => {
  test("makes room, once", () => {
    const state = done(
      raise(openBudget({ tokens: 100, deadline: 10 }), { node: rootNode, id: "r", by: { tokens: 50, deadline: 5 } }),
    );
    expect(view(state, rootNode)).toMatchObject({ tokens: { cap: 150 }, deadline: 15 });
    expect(done(raise(state, { node: rootNode, id: "r", by: { tokens: 50 } }))).toBe(state);
  });

  test("of a child comes out of its parent, or is refused", () => {
    const open = child(openBudget({ tokens: 100 }), "c", { tokens: 60 });
    expect(tokensOf(done(raise(open, { node: "c", id: "r", by: { tokens: 40 } })))).toMatchObject({ reserved: 100 });
    expect(raise(open, { node: "c", id: "r", by: { tokens: 41 } })).toMatchObject({
      ok: false,
      node: "root",
      needed: 41,
      available: 40,
    });
  });

  test("does not limit what was not limited", () => {
    expect(tokensOf(done(raise(openBudget({}), { node: rootNode, id: "r", by: { tokens: 5 } })))).toMatchObject({
      cap: null,
    });
  });
});
