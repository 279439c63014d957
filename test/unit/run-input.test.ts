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
