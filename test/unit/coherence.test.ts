import { expect, test } from "vitest";
import { incoherencesWith } from "../../activities/runs/coherence.ts";

const seen = '{"path":"src/total.js","content":"…"} {"exit_code":1,"stdout":"…"}';

test.each([
  ["names a file the run has read", { findings: [{ file: "src/total.js" }] }, 0],
  ["names it with a dot before it", { summary: "see ./src/total.js" }, 0],
  ["names a file nobody has seen", { findings: [{ file: "src/invented.js" }] }, 1],
  ["says that tests pass, and no command has said so", { summary: "All tests pass now." }, 1],
  ["names no file and claims nothing", { summary: "Nothing to say." }, 0],
  ["is deep, with a made-up file at the bottom", { a: [{ b: { c: ["lib/other.py"] } }] }, 1],
])("an output that %s has so many faults", (_, output, faults) => {
  expect(incoherencesWith(seen, output)).toHaveLength(faults);
});

test("a command that ended with exit code 0 bears out that tests pass", () => {
  expect(incoherencesWith('{"exit_code": 0}', { summary: "The tests pass." })).toEqual([]);
});
