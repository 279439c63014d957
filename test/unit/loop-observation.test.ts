import { describe, expect, test } from "vitest";
import { observationOf } from "../../core/loop/observation.ts";
import { sha256 } from "./loop-corpus.ts";

const of = (tool: string, args: Record<string, unknown>, result: unknown, error = false) =>
  observationOf(tool, args, typeof result === "string" ? result : JSON.stringify(result), error, sha256);
const ran = (command: string, stdout: string, exit = 0, stderr = "") =>
  of("execute_command", { command }, { exit_code: exit, stdout, stderr, duration_ms: 3 });

describe("an answer that says to wait", () => {
  test.each([
    ["a state", of("exports__get", { id: 1 }, { id: 1, state: "queued" })],
    ["a state of several words", of("cloud__stack", {}, { stack: { status: "CREATE_IN_PROGRESS" } })],
    ["a list of one", of("ci__runs", {}, { runs: [{ id: 1, status: "in_progress" }] })],
    ["something not done", of("job__get", {}, { done: false })],
    ["part of a whole", of("job__get", {}, { processed: 120, total: 400 })],
    ["a sentence", of("job__get", {}, "Export 77 is still running")],
    ["an approval", of("shop__refund", {}, "request 0192f7c1 has not been decided, call again later", true)],
    ["a rate limit", of("mail__send", {}, "429 Too Many Requests, retry after 2 s", true)],
    ["replicas", ran("kubectl get deployment shop", "shop   1/3   3   1   41d")],
    ["JSON on standard output", ran("curl -s http://shop/jobs/7", '{"state":"running"}')],
    ["a unit that comes up", ran("systemctl is-active shop", "activating", 3)],
    ["a rollout", ran("kubectl rollout status deploy/shop", "Waiting for 2 replicas to be updated")],
    ["a command that sleeps first", ran("sleep 30; ./state.sh", "17 open")],
  ])("%s", (_, { waiting, fruitless }) => {
    expect({ waiting, fruitless }).toEqual({ waiting: "poll", fruitless: null });
  });

  test.each([
    ["a tool", of("clock__wait", { seconds: 30 }, { waited_seconds: 30 })],
    ["a command", ran("sleep 30", "")],
  ])("%s that only waits", (_, { waiting }) => {
    expect(waiting).toBe("wait");
  });

  test.each([
    ["a file that tells of waiting", of("read_file", { path: "a" }, { path: "a", content: "status: pending" })],
    ["a search through files", ran("grep -rn pending src", "src/a.ts:1: pending")],
    [
      "a list of things some of which wait",
      of("shop__orders", {}, { orders: [{ state: "pending" }, { state: "paid" }] }),
    ],
    ["a test runner that says what it does", ran("cargo test", "running 3 tests\ntest result: ok")],
    ["a failure that asks whether a server is running", ran("psql", "", 2, "failed: Is the server running locally?")],
    ["a refusal for good", of("deploy", {}, "refused: waiting does not change that", true)],
    ["a job that is over", of("job__status", { id: 1 }, { status: "succeeded" })],
    ["steps of a build", ran("npm run build", "[1/3] Compiling")],
    ["the state of a work tree", ran("git status --short", " M src/a.ts")],
  ])("but not %s", (_, { waiting }) => {
    expect(waiting).toBeNull();
  });
});

describe("a fruitless call", () => {
  test.each([
    ["a refusal", of("x", {}, "unknown tool", true), false],
    ["a missing file", of("read_file", { path: "a" }, "not found: `a` does not exist", true), true],
    ["a missing file, by command", ran("cat a", "", 1, "cat: a: No such file or directory"), true],
    ["a search command without a hit", ran("grep -n EUR a", "", 1), true],
    ["a search without a hit", of("kb__search", { query: "a" }, { query: "a", hits: [], total: 0 }), true],
    ["a search that says so in words", of("kb__search", { query: "a" }, "No documents matched your query"), true],
    [
      "a page behind the end",
      of("read_file", { path: "a", offset: 9 }, { path: "a", content: "", total_lines: 2 }),
      true,
    ],
    ["a full disk", ran("npm ci", "", 228, "npm error ENOSPC: no space left on device, write"), false],
    ["a failure that is reported", of("x", {}, { status: 403, message: "Forbidden" }), false],
  ])("%s", (_, { fruitless, looking }, looksFor) => {
    expect(fruitless).not.toBeNull();
    expect(looking).toBe(looksFor);
  });

  test.each([
    ["a command that succeeds without a word", ran("mkdir -p dist", "")],
    ["a failing test", ran("npm test", "not ok - rounds half up", 1)],
    ["a thing with an empty list in it", of("crm__get_customer", { id: 1 }, { id: 1, name: "Ada", tags: [] })],
    ["an act without an answer", of("crm__delete_note", { id: 1 }, "")],
  ])("but not %s", (_, { fruitless }) => {
    expect(fruitless).toBeNull();
  });
});

test("one cause has one fingerprint, whatever the tool and its words", () => {
  const full = [
    ran("npm ci", "", 228, "npm error nospc ENOSPC: no space left on device, write"),
    ran("cp a b", "", 1, "cp: error writing 'b': No space left on device"),
    of("write_file", { path: "a", content: "b" }, "ENOSPC: no space left on device, write 'a'", true),
  ];
  expect(new Set(full.map(({ fruitless }) => fruitless)).size).toBe(1);
  const refused = [1, 2].map((n) => of("x", {}, `limit ${n} is above what \`a${n}\` allows`, true).fruitless);
  expect(new Set(refused).size).toBe(1);
});

test("an answer that repeats the page asked for is the same answer", () => {
  const page = (page: number) => of("shop__list", { page }, { page, orders: [{ id: "a" }], took_ms: page }).answer;
  expect(page(2)).toBe(page(3));
});

test("what an act is acknowledged with does not make it another act, what a question is answered with does", () => {
  const acknowledged = (id: string) => of("tickets__create", { title: "a" }, { id, state: "open" }).pair;
  const answered = (id: string) => of("tickets__get", { title: "a" }, { id, state: "open" }).pair;
  expect(acknowledged("SHOP-1")).toBe(acknowledged("SHOP-2"));
  expect(answered("SHOP-1")).not.toBe(answered("SHOP-2"));
});
