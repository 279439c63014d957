import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normaliseArguments, normaliseResult } from "../../core/loop/normalise.ts";

type Args = Record<string, unknown>;

describe("arguments that mean the same", () => {
  test.each<[string, string, Args, Args]>([
    ["order of keys", "shop__list", { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    ["spelling of a path", "read_file", { path: "src/cart.ts" }, { path: "./src//http/../cart.ts" }],
    ["trailing slash", "list_directory", { path: "src" }, { path: "src/." }],
    ["defaults that are spelled out", "list_directory", {}, { path: "./", depth: 1 }],
    ["arguments without a value", "shop__list", { a: 1 }, { a: 1, b: null }],
    ["a number as text", "shop__list", { limit: 10 }, { limit: "10" }],
    [
      "blanks in a command",
      "execute_command",
      { command: "grep -rn TODO src" },
      { command: " grep\t-rn  TODO ./src/\n" },
    ],
    ["needless quotes", "execute_command", { command: "grep TODO src" }, { command: "grep 'TODO' \"src\"" }],
    ["letter case of a choice", "tickets__list", { status: "open" }, { status: "OPEN" }],
    ["blanks in a text", "kb__search", { query: "amex declined" }, { query: " amex  declined" }],
    ["a request id", "crm__get", { id: 7, request_id: "a" }, { id: 7, request_id: "b" }],
    ["a request id in camel case", "crm__get", { id: 7, requestId: "a" }, { id: 7 }],
    ["a nested nonce", "crm__get", { id: 7, meta: { nonce: 1 } }, { id: 7, meta: { nonce: 2 } }],
    [
      "a UUID under a name that says nothing",
      "crm__get",
      { id: 7, x: "94de126a-4ab9-792b-aca3-89df5847ffa8" },
      { id: 7, x: "e1467c69-8ec5-7b03-accd-1511a4c37780" },
    ],
  ])("%s", (_, tool, one, other) => {
    expect(normaliseArguments(tool, one)).toBe(normaliseArguments(tool, other));
  });
});

describe("arguments that do not mean the same", () => {
  test.each<[string, string, Args, Args]>([
    ["another page", "read_file", { path: "a", offset: 1 }, { path: "a", offset: 101 }],
    ["letter case of a path", "read_file", { path: "README" }, { path: "readme" }],
    ["letter case in a pattern", "search__grep", { pattern: "TODO" }, { pattern: "todo" }],
    ["blanks within quotes", "execute_command", { command: "grep 'a  b' x" }, { command: "grep 'a b' x" }],
    ["blanks in contents", "write_file", { path: "a", content: "x  y" }, { path: "a", content: "x y" }],
    [
      "the UUID of a thing",
      "users__delete",
      { user_id: "94de126a-4ab9-792b-aca3-89df5847ffa8" },
      { user_id: "e1467c69-8ec5-7b03-accd-1511a4c37780" },
    ],
    ["a span of time", "log__read", { since: "2025-01-01T00:00:00Z" }, { since: "2025-01-02T00:00:00Z" }],
    ["one level up", "read_file", { path: "../a" }, { path: "a" }],
  ])("%s", (_, tool, one, other) => {
    expect(normaliseArguments(tool, one)).not.toBe(normaliseArguments(tool, other));
  });
});

describe("answers that say the same at another time", () => {
  test.each([
    ["durations", "31 passed in 0.42s (17 ms)", "31 passed in 1.08s (9 ms)"],
    ["the shell's time", "real 0m1.234s", "real 1m0.071s"],
    ["a time", "at 2025-02-03T09:12:05.548Z", "at 2025-02-04T10:13:48.469Z"],
    ["a time in a file name", "_logs/2025-02-03T09_12_05_548Z-debug.log", "_logs/2025-02-04T10_13_48_469Z-debug.log"],
    ["process ids", "[pid 50337] sshd[811]: ready", "[pid 51605] sshd[944]: ready"],
    ["ports", "listening on 127.0.0.1:42393", "listening on 127.0.0.1:57435"],
    ["temporary paths", "data in /tmp/shop-a6d0cc", "data in /tmp/shop-b8401d"],
    ["addresses", "<Cart at 0x7f3a9c>", "<Cart at 0x55d0e1>"],
    ["request ids", "request id: req_ab12cd34", "request id: req_99ff00aa"],
    ["fields by name", '{"ok":1,"duration_ms":3,"run_id":"a"}', '{"run_id":"b","ok":1,"duration_ms":4}'],
  ])("%s", (_, one, other) => {
    expect(normaliseResult(one)).toBe(normaliseResult(other));
  });
});

describe("answers that bring something new", () => {
  test.each([
    ["a percentage", "40% complete", "41% complete"],
    ["a count", '{"state":"running","rows":4000}', '{"state":"running","rows":19000}'],
    ["fewer failures", "# fail 2", "# fail 1"],
    ["what remains", "eta: 50 s", "eta: 40 s"],
    ["a line number", "src/main.ts(21,9): error TS2345", "src/main.ts(40,9): error TS2345"],
    ["a release", "storefront 1.4.0", "storefront 1.4.1"],
    [
      "pages of a file that differ in their times only",
      '{"path":"a.log","content":"10:00:01 beat\\n"}',
      '{"path":"a.log","content":"10:00:02 beat\\n"}',
    ],
  ])("%s", (_, one, other) => {
    expect(normaliseResult(one)).not.toBe(normaliseResult(other));
  });
});

test("neither throws on anything nor says different things of the same", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string({ unit: "binary" }),
      (tool, args, text) => {
        expect(normaliseArguments(tool, args)).toBe(normaliseArguments(tool, structuredClone(args)));
        expect(normaliseResult(text)).toBe(normaliseResult(text));
        expect(normaliseResult(JSON.stringify(args))).toBe(normaliseResult(JSON.stringify(args)));
      },
    ),
  );
});

test.each([
  ["digits", "1".repeat(3_000_000)],
  ["hex", "a1".repeat(1_500_000)],
  ["a temporary path", `/tmp/${"x/".repeat(1_000_000)}`],
  ["blanks", " ".repeat(3_000_000)],
  ["dashes", "2025-".repeat(600_000)],
  ["quotes", "'\"".repeat(1_000_000)],
  ["brackets", "[".repeat(60_000)],
  ["nested lists", `${"[".repeat(30_000)}${"]".repeat(30_000)}`],
])("takes long %s in its stride", (_, text) => {
  const before = performance.now();
  expect(normaliseResult(text).length).toBeLessThan(70_000);
  expect(normaliseArguments("execute_command", { command: text, query: text, path: text }).length).toBeLessThan(70_000);
  expect(performance.now() - before).toBeLessThan(1_000);
});
