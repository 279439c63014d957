import { type AddressInfo, createServer } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MessageFault, messageFault } from "../../claude/message-faults.ts";
import { countTokens, createMessage, type ReplyBlock } from "../../claude/messages.ts";
import type { Simulator } from "../../simulator/server.ts";
import { clientFor, start } from "./harness.ts";
import { armFaults, armMind, clearMinds, mindCalls } from "./minds.ts";

let simulator: Simulator;
let client: Anthropic;
beforeAll(async () => {
  ({ simulator } = await start());
  // With the SDK's default retries: a call must not use them.
  client = clientFor(simulator, { maxRetries: 2 });
});
afterEach(async () => {
  await clearMinds(simulator);
  await fetch(`${simulator.url}/_control/faults`, { method: "DELETE" });
});
afterAll(() => simulator.close());

const request = {
  model: "mind-f",
  max_tokens: 100,
  messages: [{ role: "user" as const, content: "hello" }],
};
const arm = (reply: Record<string, unknown>) => armMind(simulator, { name: "mind-f", script: { turns: [reply] } });
const faultOf = async (call: Promise<unknown>): Promise<MessageFault | undefined> => {
  const error: unknown = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeDefined();
  return messageFault(error);
};

describe("a call that fails", () => {
  test.each<[string, Record<string, unknown>, Partial<MessageFault>, number]>([
    [
      "by a rate limit says when to come back",
      { kind: "429", retry_after: 3 },
      { kind: "definite", retryable: true, retryAfterMs: 3000, status: 429 },
      0,
    ],
    ["by an overload may be repeated", { kind: "529" }, { kind: "definite", retryable: true, status: 529 }, 0],
    ["by an internal error may be repeated", { kind: "500" }, { kind: "definite", retryable: true, status: 500 }, 0],
    ["by a socket dropped before it was read: nobody knows", { kind: "drop_before" }, { kind: "unknown" }, 0],
    ["by a socket dropped after it was answered: nobody knows", { kind: "drop_after" }, { kind: "unknown" }, 1],
    ["by a cut after message_start: nobody knows", { kind: "cut_stream" }, { kind: "unknown" }, 1],
    ["by a cut in the middle of text", { kind: "cut_stream", after_events: 3 }, { kind: "unknown" }, 1],
    ["by a cut right after the headers", { kind: "cut_stream", after_events: 0 }, { kind: "unknown" }, 1],
    ["by an error event in the middle", { kind: "mid_stream_error", after_events: 3 }, { kind: "unknown" }, 1],
    [
      "by an error event before anything else may be repeated",
      { kind: "mid_stream_error", after_events: 0, error_type: "overloaded_error" },
      { kind: "definite", retryable: true, status: 529 },
      1,
    ],
  ])("%s", async (_, fault, expected, reached) => {
    await arm({ text: "some words to stream" });
    await armFaults(simulator, { match: { path: "^/v1/messages$" }, ...fault });
    expect(await faultOf(createMessage(client, request))).toMatchObject(expected);
    const calls = await mindCalls(simulator, "mind-f");
    expect(calls).toHaveLength(reached);
    expect(calls.every(({ answered }) => !answered || fault["kind"] === "mid_stream_error")).toBe(true);
  });

  test.each([400, 401, 403, 404])("with status %i is not worth repeating", async (status) => {
    await arm({ status, text: "no" });
    expect(await faultOf(createMessage(client, request))).toMatchObject({ kind: "definite", retryable: false, status });
    expect(await mindCalls(simulator, "mind-f")).toHaveLength(1);
  });

  test("because nobody listens was never sent", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const nobody = clientFor({ url: `http://127.0.0.1:${port}` });
    expect(await faultOf(createMessage(nobody, request))).toMatchObject({ kind: "definite", retryable: true });
  });

  test("because the SDK will not send it is definite", async () => {
    const keyless = new Anthropic({ apiKey: null, authToken: null, baseURL: simulator.url });
    expect(await faultOf(createMessage(keyless, request))).toMatchObject({ kind: "definite", retryable: false });
  });

  test("by taking too long to begin, or to end: nobody knows", async () => {
    await arm({ text: "late", delay_ms: 2000 });
    expect(await faultOf(createMessage(client, request, { endWithinMs: 150 }))).toMatchObject({ kind: "unknown" });
    await armFaults(simulator, { match: { path: "messages" }, kind: "delay", delay_ms: 1000 });
    expect(await faultOf(createMessage(client, request, { startWithinMs: 100 }))).toMatchObject({ kind: "unknown" });
  });

  test("by being aborted, before or while it is answered, is no fault of the provider", async () => {
    await arm({ text: "late", delay_ms: 2000 });
    expect(await faultOf(createMessage(client, request, { signal: AbortSignal.timeout(100) }))).toEqual({
      kind: "aborted",
    });
    expect(await faultOf(createMessage(client, request, { signal: AbortSignal.abort() }))).toEqual({ kind: "aborted" });
  });

  test("for reasons that have nothing to do with it is not classified", () => {
    expect(messageFault(new Error("the database is away"))).toBeUndefined();
  });
});

describe("a call that is answered", () => {
  test("gives the message as it came, its text while it comes, and heartbeats", async () => {
    await arm({ thinking: "hm", text: "one two three", tool_uses: [{ name: "read_file", input: { path: "a" } }] });
    const heard: string[] = [];
    let beats = 0;
    const reply = await createMessage(client, request, {
      onText: (delta) => void heard.push(delta),
      heartbeat: () => {
        beats += 1;
      },
    });
    expect(heard.join("")).toBe("one two three");
    expect(heard.length).toBeGreaterThan(1);
    expect(beats).toBeGreaterThan(3);
    expect(reply).toMatchObject({ stop: "tool_use", model: "mind-f", usage: { input_tokens: expect.any(Number) } });
    expect(reply.requestId).toMatch(/^req_/);
    expect(reply.content[1]).toEqual({ type: "text", text: "one two three", citations: null });
    const answer = { type: "tool_result" as const, tool_use_id: toolUseId(reply.content), content: "{}" };
    await armMind(simulator, { name: "mind-f", script: { turns: [{}, { text: "ok" }] } });
    const next = await createMessage(client, {
      ...request,
      messages: [
        ...request.messages,
        { role: "assistant", content: reply.content as unknown as Anthropic.ContentBlockParam[] },
        { role: "user", content: [answer] },
      ],
    });
    expect(next.stop).toBe("end_turn");
  });

  test("and cut off in the middle of its structured output is still an answer", async () => {
    await arm({ output: { words: "long enough to be cut in the middle" } });
    const reply = await createMessage(client, {
      ...request,
      max_tokens: 3,
      output_config: { format: { type: "json_schema", schema: { type: "object" } } },
    });
    expect(reply).toMatchObject({ stop: "max_tokens", content: [{ type: "text", text: '{"words":"lo' }] });
  });

  test("uses as many input tokens as were counted", async () => {
    await arm({ text: "ok" });
    const counted = await countTokens(client, { ...request, system: "You are terse." });
    const { usage } = await createMessage(client, { ...request, system: "You are terse." });
    expect(usage.input_tokens).toBe(counted);
  });
});

const toolUseId = (content: ReplyBlock[]): string => String(content.find(({ type }) => type === "tool_use")?.["id"]);
