import Anthropic from "@anthropic-ai/sdk";
import type { MessageCreateParamsNonStreaming } from "@anthropic-ai/sdk/resources/messages";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Simulator } from "../../simulator/server.ts";
import { all, start } from "./harness.ts";
import { armMind, clearMinds, mindCalls } from "./minds.ts";

let simulator: Simulator;
let client: Anthropic;
beforeAll(async () => {
  ({ simulator, client } = await start());
});
afterEach(() => clearMinds(simulator));
afterAll(() => simulator.close());

const ask = (model: string, more: Partial<MessageCreateParamsNonStreaming> = {}): MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 1000,
  system: [{ type: "text", text: "Powerloom run · role: planner · agent: planner" }],
  messages: [{ role: "user", content: '<input>{"task":"x","list":[{"n":7}]}</input>' }],
  ...more,
});
const readFile = {
  name: "read_file",
  input_schema: { type: "object" as const, properties: { path: { type: "string" } } },
};

describe("one message", () => {
  test("is the same as JSON and as a stream, apart from its ids", async () => {
    await armMind(simulator, {
      name: "mind-both",
      script: {
        turns: [
          {
            thinking: "Let me look at it.",
            text: "I read two files:  a and b.\n",
            tool_uses: [
              { name: "read_file", input: { path: "a.js", options: { deep: [1, 2, "drei und vier"] } } },
              { name: "read_file" },
            ],
          },
        ],
      },
    });
    const request = ask("mind-both", { tools: [readFile] });
    const whole = await client.messages.create(request);
    const streamed = await client.messages.stream(request).finalMessage();
    const plain = (message: Anthropic.Message) => ({
      ...message,
      id: "",
      content: message.content.map((block) => ("id" in block ? { ...block, id: "" } : block)),
    });
    // The stream helper adds a property of its own for parsed output.
    const { parsed_output: _, ...rest } = streamed as typeof streamed & { parsed_output?: unknown };
    expect(JSON.parse(JSON.stringify(plain(rest as Anthropic.Message), withoutParsed))).toEqual(plain(whole));
    expect(whole.id).toMatch(/^msg_01/);
    expect(whole._request_id).toMatch(/^req_01/);
    expect(whole.stop_reason).toBe("tool_use");
    expect(whole.content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
  });

  test("is streamed in the order of the API, with a ping and cumulative usage", async () => {
    await armMind(simulator, { name: "mind-order", script: { turns: [{ text: "two words" }] } });
    const response = await fetch(`${simulator.url}/v1/messages`, {
      method: "POST",
      headers: { authorization: "Bearer local", "anthropic-version": "2026-10-21" },
      body: JSON.stringify({ ...ask("mind-order"), stream: true }),
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const text = await response.text();
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(text).toContain('"usage":{"input_tokens":');
  });

  test("ends with max_tokens when the reply is longer", async () => {
    await armMind(simulator, {
      name: "mind-long",
      script: { turns: [{ text: "abcd".repeat(50), tool_uses: [{ name: "read_file" }] }] },
    });
    const message = await client.messages.create(ask("mind-long", { max_tokens: 10, tools: [readFile] }));
    expect(message.stop_reason).toBe("max_tokens");
    expect(message.usage.output_tokens).toBe(10);
    expect(message.content).toEqual([{ type: "text", text: "abcd".repeat(10), citations: null }]);
  });

  test("ends at a stop sequence", async () => {
    await armMind(simulator, { name: "mind-stop", script: { turns: [{ text: "one END two" }] } });
    const message = await client.messages.create(ask("mind-stop", { stop_sequences: ["END"] }));
    expect(message).toMatchObject({
      stop_reason: "stop_sequence",
      stop_sequence: "END",
      content: [{ type: "text", text: "one " }],
    });
  });
});

describe("structured output", () => {
  const schema = {
    type: "object",
    properties: { status: { enum: ["done"] } },
    required: ["status"],
    additionalProperties: false,
  };
  const output_config = { format: { type: "json_schema" as const, schema } };

  test("is JSON of the schema, and a tool call may come first", async () => {
    await armMind(simulator, {
      name: "mind-json",
      script: { turns: [{ text: "looking", tool_uses: [{ name: "read_file" }] }, { output: { status: "done" } }] },
    });
    const first = await client.messages.create(ask("mind-json", { output_config, tools: [readFile] }));
    expect(first.stop_reason).toBe("tool_use");
    const second = await client.messages.create(
      ask("mind-json", { output_config, tools: [readFile], messages: turns(first, "{}") }),
    );
    expect(second.content).toEqual([{ type: "text", text: '{"status":"done"}', citations: null }]);
    expect(second.stop_reason).toBe("end_turn");
  });

  test("that a mind gets wrong is an error of the stand-in, unless it is meant", async () => {
    await armMind(simulator, {
      name: "mind-wrong",
      script: { turns: [{ output: { status: "maybe" } }, { text: "no JSON", raw: true }] },
    });
    await expect(client.messages.create(ask("mind-wrong", { output_config }))).rejects.toThrow(/requested schema/);
    const after = [...ask("").messages, { role: "assistant" as const, content: "x" }, ...ask("").messages];
    const raw = await client.messages.create(ask("mind-wrong", { output_config, messages: after }));
    expect(raw.content).toMatchObject([{ text: "no JSON" }]);
  });

  test("of a schema that is none is refused", async () => {
    const broken = { format: { type: "json_schema" as const, schema: { type: "nonsense" } } };
    await expect(client.messages.create(ask("claude-opus-5-5", { output_config: broken }))).rejects.toThrow(
      Anthropic.BadRequestError,
    );
  });
});

describe("tokens and caches", () => {
  const long = "word ".repeat(2000);
  const cached = (model: string, ttl?: "1h") =>
    ask(model, {
      system: [{ type: "text", text: long, cache_control: { type: "ephemeral", ...(ttl && { ttl }) } }],
    });

  test("count_tokens is the sum of the usage of the same request", async () => {
    await armMind(simulator, { name: "mind-count", script: { turns: [{ text: "ok" }] } });
    const { max_tokens: _, ...counted } = cached("mind-count");
    const { input_tokens } = await client.messages.countTokens(counted);
    for (let round = 0; round < 2; round += 1) {
      const { usage } = await client.messages.create(cached("mind-count"));
      const { cache_creation_input_tokens: created, cache_read_input_tokens: read } = usage;
      expect(usage.input_tokens + (created ?? 0) + (read ?? 0)).toBe(input_tokens);
    }
  });

  test("a prefix is written once, then read, and a longer prompt reads it too", async () => {
    await armMind(simulator, { name: "mind-cache", script: { turns: [{ text: "ok" }], afterwards: "last" } });
    const first = (await client.messages.create(cached("mind-cache", "1h"))).usage;
    expect(first.cache_creation?.ephemeral_1h_input_tokens).toBeGreaterThan(2000);
    expect(first.cache_read_input_tokens).toBe(0);
    const second = (await client.messages.create(cached("mind-cache", "1h"))).usage;
    expect(second.cache_read_input_tokens).toBe(first.cache_creation_input_tokens);
    expect(second.cache_creation_input_tokens).toBe(0);
    const automatic = { ...cached("mind-cache", "1h"), cache_control: { type: "ephemeral" as const } };
    const third = (await client.messages.create(automatic)).usage;
    expect(third.cache_read_input_tokens).toBe(first.cache_creation_input_tokens);
    expect(third.cache_creation?.ephemeral_5m_input_tokens).toBeGreaterThan(0);
    expect(third.input_tokens).toBe(0);
  });
});

describe("scripted minds", () => {
  test("choose by role and turn, and fill their templates", async () => {
    await armMind(simulator, {
      name: "mind-turns",
      roles: {
        planner: {
          turns: [
            { tool_uses: [{ name: "read_file", input: { path: "{{input.task}}.js", n: "{{input.list.0.n}}" } }] },
            { text: "{{last.content}} / {{result.1.total_lines}} / {{last}}" },
          ],
        },
      },
      script: { turns: [{ text: "somebody else" }] },
    });
    const first = await client.messages.create(ask("mind-turns", { tools: [readFile] }));
    expect(first.content).toMatchObject([{ type: "tool_use", input: { path: "x.js", n: 7 } }]);
    const second = await client.messages.create(
      ask("mind-turns", { tools: [readFile], messages: turns(first, '{"content":"body","total_lines":3}') }),
    );
    expect(second.content).toMatchObject([{ text: 'body / 3 / {"content":"body","total_lines":3}' }]);
    const other = await client.messages.create(ask("mind-turns", { system: "role: reviewer" }));
    expect(other.content).toMatchObject([{ text: "somebody else" }]);
    const after = turns(first, "{}").concat({ role: "assistant", content: "x" }, { role: "user", content: "y" });
    await expect(client.messages.create(ask("mind-turns", { messages: after }))).rejects.toThrow(/no reply for turn 2/);
  });

  test("choose by rules, each as often as it may be used", async () => {
    await armMind(simulator, {
      name: "mind-rules",
      script: {
        rules: [
          { when: { tool: "read_file", last: "total (\\d+)" }, reply: { text: "total was {{match.1}}" } },
          { when: { turn: 0, input: '"task":"x"' }, times: 1, reply: { tool_uses: [{ name: "read_file" }] } },
          { when: { system: "role: planner" }, reply: { text: "otherwise" } },
        ],
      },
    });
    const first = await client.messages.create(ask("mind-rules", { tools: [readFile] }));
    expect(first.stop_reason).toBe("tool_use");
    const found = await client.messages.create(
      ask("mind-rules", { tools: [readFile], messages: turns(first, "total 12") }),
    );
    expect(found.content).toMatchObject([{ text: "total was 12" }]);
    const again = await client.messages.create(ask("mind-rules", { tools: [readFile] }));
    expect(again.content).toMatchObject([{ text: "otherwise" }]);
  });

  test("count their calls, tell equal requests by digest, and know which were answered", async () => {
    await armMind(simulator, { name: "mind-seen", script: { turns: [{ text: "ok" }] } });
    await client.messages.create(ask("mind-seen"));
    await client.messages.stream(ask("mind-seen")).finalMessage();
    await client.messages.create(ask("mind-seen", { max_tokens: 5 }));
    const calls = await mindCalls(simulator, "mind-seen");
    expect(calls.map(({ answered, role, turn }) => ({ answered, role, turn }))).toEqual(
      Array.from({ length: 3 }, () => ({ answered: true, role: "planner", turn: 0 })),
    );
    expect(calls[0]?.digest).toBe(calls[1]?.digest);
    expect(calls[2]?.digest).not.toBe(calls[1]?.digest);
  });

  test("may answer with an error, and are unknown until they are armed", async () => {
    await armMind(simulator, { name: "mind-error", script: { turns: [{ status: 529, text: "busy" }] } });
    await expect(client.messages.create(ask("mind-error"))).rejects.toMatchObject({ status: 529 });
    await expect(client.messages.create(ask("mind-nobody"))).rejects.toMatchObject({ status: 404 });
  });

  test("are refused when they are not well formed", async () => {
    await expect(armMind(simulator, { name: "other", script: { turns: [{}] } })).rejects.toThrow(/400/);
    await expect(armMind(simulator, { name: "mind-x" })).rejects.toThrow(/400/);
    await expect(
      armMind(simulator, { name: "mind-x", script: { rules: [{ when: { last: "(" }, reply: {} }] } }),
    ).rejects.toThrow(/400/);
  });
});

describe("models", () => {
  test("are listed in pages and found by id, with or without a date", async () => {
    const models = await all(client.models.list({ limit: 7 }));
    expect(models.map(({ id }) => id)).toContain("claude-opus-5-5");
    expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
    expect(models.some(({ lifecycle }) => lifecycle === "retired")).toBe(false);
    expect((await client.models.retrieve("claude-haiku-4-5-20251001")).line).toBe("haiku");
    await expect(client.models.retrieve("claude-none")).rejects.toThrow(Anthropic.NotFoundError);
  });
});

/** The conversation after one tool call. */
function turns(first: Anthropic.Message, result: string): Anthropic.MessageParam[] {
  const call = first.content.find(({ type }) => type === "tool_use");
  const id = call?.type === "tool_use" ? call.id : "";
  return [
    ...ask("").messages,
    { role: "assistant", content: first.content },
    {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: id, content: [{ type: "text", text: result }] }],
    },
  ];
}

const withoutParsed = (key: string, value: unknown) => (key === "parsed_output" ? undefined : value);
