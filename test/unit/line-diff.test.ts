import fc from "fast-check";
import { expect, test } from "vitest";
import { lineDiff } from "../../core/text/line-diff.ts";

const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 }).map((lines) => `${lines.join("\n")}\n`);

test("what stays and what was removed is the text before, what stays and what was added the text after", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = lineDiff(before, after);
      const side = (kind: "removed" | "added") =>
        lines
          .filter((line) => line.kind === "same" || line.kind === kind)
          .map((line) => `${line.text}\n`)
          .join("");
      // An empty text has no lines; one line that is empty has one.
      expect(side("removed")).toBe(before === "\n" ? "\n" : before);
      expect(side("added")).toBe(after === "\n" ? "\n" : after);
    }),
  );
});

test("equal texts keep every line, and a changed line is removed before it is added", () => {
  expect(lineDiff("a\nb", "a\nb").map(({ kind }) => kind)).toEqual(["same", "same"]);
  expect(lineDiff("a\nb\nc", "a\nx\nc").map(({ kind, text: line }) => `${kind} ${line}`)).toEqual([
    "same a",
    "removed b",
    "added x",
    "same c",
  ]);
});

test("texts too long to be compared are removed and added whole", () => {
  const long = Array.from({ length: 3_000 }, (_, index) => `line ${index}`).join("\n");
  const lines = lineDiff(long, `${long}\nmore`);
  expect(lines.filter(({ kind }) => kind === "removed")).toHaveLength(3_000);
  expect(lines.filter(({ kind }) => kind === "added")).toHaveLength(3_001);
});
