import { expect, test } from "vitest";
import { runInput } from "../../contracts/runs.ts";

const faultsOf = (input: Record<string, unknown>) =>
  (runInput.safeParse({ task: "Do it.", ...input }).error?.issues ?? []).map(({ path }) => path.join("/"));

test("what a run is asked to do may be any text and any object", () => {
  expect(faultsOf({ task: "\u001b[1m größe 😀\r\n\u202e", input: { "😀": ["\t", { deep: null }], n: 1.5 } })).toEqual(
    [],
  );
  expect(faultsOf({ files: [{ path: "größe/😀.txt", content: "a\0b" }] })).toEqual([]);
});

test.each([
  ["half a character in the task", { task: "a\ud83d" }, "task"],
  ["NUL in the task", { task: "a\0" }, "task"],
  ["half a character deep in the input", { input: { a: [1, { b: "\ude00" }] } }, "input/a/1/b"],
  ["NUL in a name of the input", { input: { a: { "b\0": 1 } } }, "input/a"],
  ["half a character in a path", { files: [{ path: "a\ud83d", content: "" }] }, "files/0/path"],
  ["half a character in a file", { files: [{ path: "a", content: "\ud83d" }] }, "files/0/content"],
])("it has no %s, which cannot be stored", (_, input, where) => {
  expect(faultsOf(input)).toEqual([where]);
});

test("is nested 64 levels deep at most, and what is deeper costs no more to refuse", () => {
  const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  expect(faultsOf({ input: { a: nested(63) } })).toEqual([]);
  expect(faultsOf({ input: { a: nested(64) } })).toEqual(["input/a"]);
  // Copying a path at every level of this took half a minute.
  expect(faultsOf({ input: { a: nested(100_000) } })).toEqual(["input/a"]);
});

test("costs a millionth of a dollar at least: less would be shown as a limit of none", () => {
  expect(faultsOf({ budget: { cost_usd: 0.000_001 } })).toEqual([]);
  expect(faultsOf({ budget: { cost_usd: 4e-10 } })).toEqual(["budget/cost_usd"]);
});
