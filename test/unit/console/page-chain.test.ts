import { expect, test } from "vitest";
import {
  countRows,
  knownRows,
  type PageChain,
  pageSize,
  rowAt,
  startChain,
  takePage,
} from "../../../console/pages/approvals/page-chain.ts";

interface Row {
  id: string;
}
const rows = (from: number, many = pageSize): Row[] =>
  Array.from({ length: many }, (_, index) => ({ id: `row-${from + index}` }));
const empty = () => startChain<Row>("all");
const twoPages = () => takePage(takePage(empty(), 0, rows(0), "c1"), 1, rows(pageSize, 30), null);

test("nothing known is no rows, and not the end", () => {
  expect(countRows(empty())).toBe(0);
  expect(empty()).toMatchObject({ ended: false, old: false });
});

test("a page with more behind it leaves room for the next, the last one ends the list", () => {
  const one = takePage(empty(), 0, rows(0), "c1");
  expect(countRows(one)).toBe(2 * pageSize);
  expect(rowAt(one, pageSize)).toBeUndefined();
  expect(countRows(twoPages())).toBe(pageSize + 30);
  expect(rowAt(twoPages(), pageSize + 29)).toEqual({ id: `row-${pageSize + 29}` });
  expect(twoPages().ended).toBe(true);
});

test("an empty first page is an empty list that has ended", () => {
  const none = takePage(empty(), 0, [], null);
  expect(countRows(none)).toBe(0);
  expect(none.ended).toBe(true);
});

test("a page that ends elsewhere than before moves where the next begins, and keeps its rows until then", () => {
  const moved = takePage(twoPages(), 0, rows(1), "c1-moved");
  expect(moved.cursors).toEqual([undefined, "c1-moved"]);
  expect(rowAt(moved, pageSize)).toEqual({ id: `row-${pageSize}` });
  // The row at the border is in both for a moment: it counts once.
  expect(knownRows(moved).map(({ id }) => id)).toEqual(rows(1, pageSize + 29).map(({ id }) => id));
});

test("a page that has become the last one forgets those behind it", () => {
  const shorter = takePage(twoPages(), 0, rows(0, 80), null);
  expect(countRows(shorter)).toBe(80);
  expect(shorter.cursors).toEqual([undefined]);
  expect(knownRows(shorter)).toHaveLength(80);
});

test("a last page with more behind it since is the last no longer", () => {
  const longer = takePage(twoPages(), 1, rows(pageSize), "c2");
  expect(longer.ended).toBe(false);
  expect(countRows(longer)).toBe(3 * pageSize);
});

test("another list shows what the one before had until its first page comes", () => {
  const other: PageChain<Row> = startChain("narrowed", twoPages());
  expect(other).toMatchObject({ key: "narrowed", old: true, cursors: [undefined] });
  expect(countRows(other)).toBe(pageSize + 30);
  const come = takePage(other, 0, rows(500, 2), null);
  expect(come.old).toBe(false);
  expect(knownRows(come).map(({ id }) => id)).toEqual(["row-500", "row-501"]);
  expect(countRows(come)).toBe(2);
});
