import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findFix } from "../../simulator/messages/mind/repair/find-fix.ts";
import { promptCache } from "../../simulator/messages/prompt-cache.ts";
import type { Simulator } from "../../simulator/server.ts";
import { start } from "./harness.ts";
import { armMind, clearMinds } from "./minds.ts";

let simulator: Simulator;
beforeAll(async () => {
  ({ simulator } = await start());
});
afterEach(() => clearMinds(simulator));
afterAll(() => simulator.close());

type Json = Record<string, unknown>;
const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const use = (id: string) => ({ type: "tool_use", id, name: "t", input: {} });
const result = (id: string, more: Json = {}) => ({ type: "tool_result", tool_use_id: id, content: "ok", ...more });
const tool = (name: string) => ({ name, input_schema: { type: "object" } });
const mark = { cache_control: { type: "ephemeral" } };
const text = (words: string, more: Json = {}) => ({ type: "text", text: words, ...more });

async function send(more: Json, options: { version?: string; path?: string } = {}) {
  const body: Json = { model: "claude-opus-5-5", max_tokens: 10, messages: [user("hello")], ...more };
  for (const key of Object.keys(body)) if (body[key] === undefined) delete body[key];
  const response = await fetch(`${simulator.url}${options.path ?? "/v1/messages"}`, {
    method: "POST",
    headers: { "x-api-key": "local", "anthropic-version": options.version ?? "2026-10-21" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as { error?: Json; request_id?: string } & Json };
}

describe("a request is refused", () => {
  test.each<[string, Json]>([
    ["without a model", { model: undefined }],
    ["without max_tokens", { max_tokens: undefined }],
    ["with max_tokens 0", { max_tokens: 0 }],
    ["with a fraction of a token", { max_tokens: 1.5 }],
    ["without messages", { messages: undefined }],
    ["with no messages", { messages: [] }],
    ["with an unknown role", { messages: [{ role: "system", content: "x" }] }],
    ["that begins with the assistant", { messages: [assistant("x"), user("y")] }],
    ["that ends with the assistant", { messages: [user("x"), assistant("y")] }],
    ["with empty content", { messages: [user([])] }],
    ["with empty text", { messages: [user([text("")])] }],
    ["with an unknown block", { messages: [user([{ type: "poem" }])] }],
    ["with an unknown field", { colour: "blue" }],
    ["with temperature", { temperature: 1 }],
    ["with top_p", { top_p: 0.5 }],
    ["with top_k", { top_k: 5 }],
    ["with any tool forced on Opus 5.5", { tools: [tool("t")], tool_choice: { type: "any" } }],
    [
      "with one tool forced on a dated Sonnet 5.5",
      { model: "claude-sonnet-5-5-20260928", tools: [tool("t")], tool_choice: { type: "tool", name: "t" } },
    ],
    [
      "that chooses an unknown tool",
      { model: "claude-haiku-5-5", tools: [tool("t")], tool_choice: { type: "tool", name: "u" } },
    ],
    ["that chooses without tools", { tool_choice: { type: "auto" } }],
    ["with two tools of one name", { tools: [tool("t"), tool("t")] }],
    ["with a tool name that is none", { tools: [tool("a tool")] }],
    [
      "with a tool_use that is not answered",
      { messages: [user("x"), assistant([use("a"), use("b")]), user([result("a")])] },
    ],
    ["with an answer to nothing", { messages: [user([result("a")])] }],
    ["with an answer given twice", { messages: [user("x"), assistant([use("a")]), user([result("a"), result("a")])] }],
    ["with text before the answers", { messages: [user("x"), assistant([use("a")]), user([text("t"), result("a")])] }],
    [
      "with a tool_use id used twice",
      {
        messages: [user("x"), assistant([use("a")]), user([result("a")]), assistant([use("a")]), user([result("a")])],
      },
    ],
    ["with a tool_use of the user", { messages: [user([use("a")])] }],
    ["with a tool_result of the assistant", { messages: [user("x"), assistant([result("a")]), user("y")] }],
    ["with a document of the assistant", { messages: [user("x"), assistant([{ type: "document" }]), user("y")] }],
    ["with citations of the user", { messages: [user([text("x", { citations: [{}] })])] }],
    ["with five cache breakpoints", { messages: [user(["a", "b", "c", "d", "e"].map((words) => text(words, mark)))] }],
    [
      "with a longer cache after a shorter",
      { messages: [user([text("a", mark), text("b", { cache_control: { type: "ephemeral", ttl: "1h" } })])] },
    ],
    ["with more thinking than tokens", { thinking: { type: "enabled", budget_tokens: 1024 } }],
    ["with an unknown effort", { output_config: { effort: "heroic" } }],
  ])("%s", async (_, more) => {
    const { status, body } = await send(more);
    expect(status).toBe(400);
    expect(body).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    expect(body.request_id).toMatch(/^req_/);
  });

  test("but not with an effort that there is", async () => {
    for (const effort of ["low", "medium", "high", "xhigh", "max", null])
      expect((await send({ output_config: { effort } })).status).toBe(200);
  });

  test("with a message thread, by a code of its own", async () => {
    const { status, body } = await send({ thread: { type: "create" } });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ details: { error_code: "thread_unsupported_request" } });
    expect((await send({ thread: false })).status).toBe(200);
  });

  test("for a model that does not exist or no longer does", async () => {
    for (const model of ["gpt-9", "claude-mythos-preview"]) {
      const { status, body } = await send({ model });
      expect({ status, type: body.error?.["type"] }).toEqual({ status: 404, type: "not_found_error" });
    }
  });

  test("without a credential, and when it is not JSON", async () => {
    const plain = await fetch(`${simulator.url}/v1/messages`, { method: "POST", body: "{}" });
    expect(plain.status).toBe(401);
    const headers = { "x-api-key": "k", "anthropic-version": "2026-10-21" };
    const broken = await fetch(`${simulator.url}/v1/messages`, { method: "POST", headers, body: "{" });
    expect(broken.status).toBe(400);
  });
});

describe("a request is accepted", () => {
  test.each<[string, Json]>([
    [
      "with a forced tool on a model that allows it",
      { model: "claude-haiku-5-5", tools: [tool("t")], tool_choice: { type: "any" } },
    ],
    ["with turns of the same side in a row", { messages: [user("a"), user("b")] }],
    ["with text after the answers", { messages: [user("x"), assistant([use("a")]), user([result("a"), text("t")])] }],
    ["with four cache breakpoints", { messages: [user(["a", "b", "c", "d"].map((words) => text(words, mark)))] }],
    [
      "with an answer that is an error",
      { messages: [user("x"), assistant([use("a")]), user([result("a", { is_error: true })])] },
    ],
  ])("%s", async (_, more) => {
    expect((await send(more)).status).toBe(200);
  });

  test("with temperature by the older version of the API", async () => {
    expect((await send({ temperature: 1 }, { version: "2023-06-01" })).status).toBe(200);
  });

  test("for counting without max_tokens, and refused for counting by the same rules", async () => {
    const path = "/v1/messages/count_tokens";
    expect((await send({ max_tokens: undefined }, { path })).body).toEqual({ input_tokens: expect.any(Number) });
    expect((await send({ max_tokens: undefined, messages: [assistant("x")] }, { path })).status).toBe(400);
  });
});

describe("a mind", () => {
  test("may not call tools when none may be called, and sees that it must finish", async () => {
    await armMind(simulator, {
      name: "mind-end",
      script: {
        rules: [{ when: { final: true }, reply: { text: "done" } }, { reply: { tool_uses: [{ name: "t" }] } }],
      },
    });
    const request = { model: "mind-end", tools: [tool("t")] };
    expect((await send(request)).body["stop_reason"]).toBe("tool_use");
    expect((await send({ ...request, tool_choice: { type: "none" } })).body["stop_reason"]).toBe("end_turn");
    await armMind(simulator, { name: "mind-end", script: { turns: [{ tool_uses: [{ name: "t" }] }] } });
    expect((await send({ ...request, tool_choice: { type: "none" } })).status).toBe(500);
  });

  test("calls one tool when parallel calls are off", async () => {
    await armMind(simulator, { name: "mind-two", script: { turns: [{ tool_uses: [{ name: "t" }, { name: "t" }] }] } });
    const tool_choice = { type: "auto", disable_parallel_tool_use: true };
    const { body } = await send({ model: "mind-two", tools: [tool("t")], tool_choice });
    expect(body["content"]).toHaveLength(1);
  });

  test("may say what its answer used, and how it ended", async () => {
    const usage = { input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 7, cache_creation_input_tokens: 8 };
    await armMind(simulator, { name: "mind-says", script: { turns: [{ text: "no", stop_reason: "refusal", usage }] } });
    const { body } = await send({ model: "mind-says" });
    expect(body).toMatchObject({ stop_reason: "refusal", stop_details: { type: "refusal" }, usage });
  });

  test("that quotes what is not there is refused, and so are keys that lead out of the data", async () => {
    for (const path of ["input.none", "last", "result.3", "match.1", "input.constructor.name", "nonsense"]) {
      await armMind(simulator, { name: "mind-quote", script: { turns: [{ text: `{{${path}}}` }] } });
      expect((await send({ model: "mind-quote", messages: [user("<input>{}</input>")] })).status).toBe(400);
    }
  });
});

describe("the prompt cache", () => {
  const segment = (canonical: string, ttl?: "5m" | "1h") => ({ canonical, tokens: 100, ttl });
  const total = (usage: {
    input_tokens: number;
    cache_read_input_tokens: number;
    cache_creation_input_tokens: number;
  }) => usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;

  test("forgets after its time, and a read begins it anew", () => {
    let now = 0;
    const cache = promptCache(() => now);
    const prompt = [segment("a", "5m"), segment("b")];
    expect(cache.use("m", prompt, 0)).toMatchObject({ cache_creation_input_tokens: 100, input_tokens: 100 });
    now = 4 * 60_000;
    expect(cache.use("m", prompt, 0).cache_read_input_tokens).toBe(100);
    now = 8 * 60_000;
    expect(cache.use("m", prompt, 0).cache_read_input_tokens).toBe(100);
    now = 14 * 60_000;
    expect(cache.use("m", prompt, 0)).toMatchObject({ cache_read_input_tokens: 0, cache_creation_input_tokens: 100 });
  });

  test("is of one model, of one beginning, and of prompts that are long enough", () => {
    const cache = promptCache(() => 0);
    cache.use("m", [segment("a"), segment("b", "5m")], 0);
    expect(cache.use("n", [segment("a"), segment("b", "5m")], 0).cache_read_input_tokens).toBe(0);
    expect(cache.use("m", [segment("x"), segment("b", "5m")], 0).cache_read_input_tokens).toBe(0);
    expect(cache.use("m", [segment("z", "5m")], 101)).toMatchObject({
      cache_creation_input_tokens: 0,
      input_tokens: 100,
    });
  });

  test("looks back twenty blocks and no further", () => {
    const cache = promptCache(() => 0);
    cache.use("m", [segment("a", "1h")], 0);
    const blocks = (count: number) => Array.from({ length: count }, (_, at) => segment(`b${at}`));
    const near = cache.use("m", [segment("a"), ...blocks(18), segment("end", "5m")], 0);
    expect(near).toMatchObject({ cache_read_input_tokens: 100, cache_creation_input_tokens: 1900 });
    expect(total(near)).toBe(2000);
    const far = cache.use("m", [segment("a"), ...blocks(19).reverse(), segment("end", "5m")], 0);
    expect(far.cache_read_input_tokens).toBe(0);
  });
});

describe("reading code that nobody may run", () => {
  const project = (source: string, cases: string) =>
    findFix(
      new Map([
        ["a.js", source],
        [
          "a.test.js",
          `import test from "node:test";\nimport assert from "node:assert";\nimport { f } from "./a.js";\n${cases}\n`,
        ],
      ]),
      ["a.test.js"],
    );

  test.each<[string, string, string]>([
    ["loops for ever", "export function f() { for (;;) {} }", "test('t', () => assert.equal(f(), 1));"],
    ["calls itself for ever", "export const f = (n) => f(n + 1) + 1;", "test('t', () => assert.equal(f(0), 1));"],
    [
      "grows a text",
      "export const f = () => { let s = 'ab'; while (true) s += s; };",
      "test('t', () => assert.equal(f(), 1));",
    ],
    [
      "grows a list",
      "export const f = () => { const l = [1]; for (;;) l.push(...l); };",
      "test('t', () => assert.equal(f(), 1));",
    ],
    [
      "asks for a huge text",
      "export const f = () => 'x'.repeat(1e9).length;",
      "test('t', () => assert.equal(f(), 1));",
    ],
    [
      "asks for a huge list",
      "export const f = () => Array.from({ length: 1e9 }).length;",
      "test('t', () => assert.equal(f(), 1));",
    ],
    [
      "shares structure until it is vast",
      "export const f = () => { let a = []; for (let i = 0; i < 60; i++) a = [a, a]; return JSON.stringify(a); };",
      "test('t', () => assert.equal(f(), ''));",
    ],
    [
      "uses a regular expression that never ends",
      "export const f = () => /^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!');",
      "test('t', () => assert.equal(f(), true));",
    ],
  ])("that %s comes to an end", (_, source, cases) => {
    const since = performance.now();
    expect(project(source, cases).kind).toBe("none");
    expect(performance.now() - since).toBeLessThan(8_000);
  });

  test.each<[string, string]>([
    ["the constructor of a function", "export const f = () => f.constructor('return process')();"],
    ["the constructor of a text", "export const f = () => ''.constructor.constructor('return process')();"],
    ["the constructor of a list", "export const f = () => [].map.constructor('return 1')();"],
    ["a prototype", "export const f = () => { const o = {}; o.__proto__.polluted = 1; return o; };"],
    [
      "a prototype by a computed key",
      "export const f = () => { const o = []; o['__proto__']['polluted'] = 1; return o; };",
    ],
    ["the process", "export const f = () => process.exit(3);"],
    ["the global object", "export const f = () => globalThis.process;"],
    ["another module", "import fs from 'node:fs';\nexport const f = () => fs.readFileSync('/etc/passwd', 'utf8');"],
    ["eval", "export const f = () => eval('1');"],
    ["itself through an error", "export const f = () => { try { null.x; } catch (e) { return e.constructor('x'); } };"],
  ])("never reaches %s", (_, source) => {
    const finding = project(source, "test('t', () => assert.equal(f(), 'never'));");
    expect(finding.kind).toBe("none");
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    expect(Object.hasOwn(Array.prototype, "polluted")).toBe(false);
  });

  test("says so when the tests hold already", () => {
    expect(project("export const f = () => 1;", "test('t', () => assert.equal(f(), 1));")).toMatchObject({
      kind: "none",
      reason: expect.stringContaining("all tests hold"),
    });
  });

  test("proposes what is convincing by itself when the tests are beyond it", () => {
    const source =
      "export function f(list) {\n  let sum = 0;\n  for (let i = 0; i <= list.length; i++) sum += list[i];\n  return sum;\n}\n";
    const finding = project(source, "test('t', () => assert.equal(f(JSON.parse(globalThis.data)), 1));");
    expect(finding).toMatchObject({ kind: "fix", workedOut: false, content: source.replace("<=", "<") });
  });

  test("understands what small projects are written with", () => {
    const source = `
export const rates = { low: 0.1, high: 0.2 };
const pick = ({ kind = "low" } = {}, ...rest) => rates[kind] ?? rest.length;
export function f(items, options) {
  const groups = new Map();
  for (const [index, { name, tags: [first] = [] }] of items.entries()) {
    const key = first?.toUpperCase() ?? \`none-\${index}\`;
    groups.set(key, [...(groups.get(key) || []), name]);
  }
  const seen = new Set([1, 2, 2]);
  let text = "";
  switch (seen.size) {
    case 1: text = "one"; break;
    case 2: text = "two"; break;
    default: text = "many";
  }
  do { text += "!"; } while (text.length < 5);
  try {
    if (!options) throw new TypeError("no options");
  } catch (error) {
    text = error instanceof TypeError ? error.message : "other";
  } finally {
    text = text.trim().replace(/\\s+/g, "_");
  }
  const total = Object.entries({ a: 1, b: 2 }).map(([, n]) => n ** 2).reduce((sum, n) => sum - n, 0);
  return { keys: [...groups.keys()].sort(), text, total, rate: pick(options) };
}
`;
    const cases =
      "const { describe, it } = { describe: test.describe, it: test };\ndescribe('all', () => { it('works', () => assert.deepStrictEqual(f([{ name: 'x', tags: ['b'] }, { name: 'y' }], { kind: 'high' }), { keys: ['B', 'none-1'], text: 'two!!', total: 5, rate: 0.2 })); });";
    const finding = project(source, cases);
    expect(finding).toMatchObject({ kind: "fix", content: source.replace("sum - n", "sum + n") });
  });
});
