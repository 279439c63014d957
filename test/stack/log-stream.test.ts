import { expect, test } from "vitest";
import { createLogStream, renderLine } from "../../stack/log-stream.ts";

test.each([
  ["plain text stays", "Listening on 7233", "Listening on 7233"],
  ["JSON that is no log line stays", '{"status":"ok"}', '{"status":"ok"}'],
  ["broken JSON stays", '{"level":30,', '{"level":30,'],
  [
    "a pino line becomes level, message and fields",
    '{"level":30,"pid":7,"hostname":"h","name":"api","msg":"ready","port":8080,"tags":["a"]}',
    'info  ready port=8080 tags=["a"]',
  ],
  [
    "an error shows its stack",
    '{"level":50,"msg":"failed","err":{"type":"Error","message":"no","stack":"Error: no\\n    at x"}}',
    "error failed Error: no\n    at x",
  ],
  ["an unknown level stays a number", '{"level":35,"msg":"notice"}', "35    notice"],
])("%s", (_title, line, rendered) => {
  expect(renderLine(line, false)).toBe(rendered);
});

test("the time is shown as a local clock", () => {
  expect(renderLine(JSON.stringify({ level: 40, time: Date.now(), msg: "slow" }), false)).toMatch(
    /^\d\d:\d\d:\d\d warn {2}slow$/,
  );
});

test("long fields are cut", () => {
  expect(renderLine(JSON.stringify({ level: 30, msg: "m", body: "x".repeat(1_000) }), false).length).toBeLessThan(200);
});

test("names are padded, and coloured only when asked", () => {
  const lines: string[] = [];
  const plain = createLogStream({ log: (line) => lines.push(line), color: false });
  plain.line("api", "one");
  plain.line("a-longer-name", "two");
  plain.line("api", "three");
  expect(lines).toEqual(["api        | one", "a-longer-name | two", "api           | three"]);
  const coloured: string[] = [];
  createLogStream({ log: (line) => coloured.push(line), color: true }).line("api", "one");
  expect(coloured[0]).toContain("\u001b[");
});
