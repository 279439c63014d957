import { afterAll, beforeAll, expect, test } from "vitest";
import type { Person } from "../../demo/api.ts";
import { mindCalls } from "../simulator/minds.ts";
import { ask } from "../support/ask.ts";
import { type Collector, openCollector, type ReceivedSpan } from "../support/collector.ts";
import { variant } from "../support/everything.ts";
import { eventually, makeOrganisation } from "../support/organisation.ts";
import { armMind, ended, fixingMind, planOf, type Script, talker } from "../support/runs.ts";
import { openStage, type Stage } from "./stage.ts";

let stage: Stage;
let collector: Collector;
let bob: Person;

beforeAll(async () => {
  collector = await openCollector();
  stage = await openStage({
    without: ["mcp"],
    extraEnvironment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=k1",
      OTEL_SERVICE_NAME: "loom",
    },
  });
  const { apiUrl, databaseUrl } = stage.stack;
  const organisation = await makeOrganisation("spans", { apiUrl, databaseUrl });
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: organisation.root }] });
});
afterAll(async () => {
  await stage?.close();
  await collector?.close();
});

const secret = "the-word-that-stays-here";
const looking = { text: secret, tool_uses: [{ name: "list_directory", input: { path: "." } }] };
const files = [{ path: "a.txt", content: `${secret}\n` }];

/** The main job with nothing in it that a person must allow. */
function readingMind(): Record<string, Script> {
  const { plan, executor } = planOf([{ step: 1, tool: "read_file", args: { path: "a.txt" } }]);
  const whole = fixingMind();
  const review = { findings: [], summary: secret, verdict: "pass" };
  const read = { tool_uses: [{ name: "read_file", input: { path: "a.txt" } }] };
  return {
    ...whole,
    planner: { turns: [looking, { output: plan }] },
    executor,
    reviewer: { turns: [read, { output: review }] },
  };
}

type Started = { id: string; trace_id: string };

async function start(
  name: string,
  roles: Record<string, Script>,
  more: Record<string, unknown> = {},
): Promise<Started> {
  const models = await armMind(name, roles, stage.stack.simulatorUrl);
  return bob.make<Started>("/runs", { task: `Say ${secret}.`, files, models, budget: { tokens: 400_000 }, ...more });
}

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
const told = (traceId: string, name: string) =>
  eventually(async () => spansOf(traceId).find((span) => span.name === name), `${name} is told`, 30_000);
/** All that is told of a trace, once it is as much as that: spans are told on their own, in no order. */
const allOf = (traceId: string, count: number) =>
  eventually(
    async () => (spansOf(traceId).length < count ? undefined : spansOf(traceId)),
    `${count} spans are told`,
    30_000,
  );
const one = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans ${name}`);
  return found[0];
};

test("a run and its subagents are one trace, each call below the agent that made it, without their words", async () => {
  const { id, trace_id } = await start("spans", readingMind());
  expect(await ended(bob, id, 60_000)).toMatchObject({ status: "completed" });
  const spans = await allOf(trace_id, 19);
  expect(spans.map(({ name }) => name).sort()).toEqual(
    [
      "invoke_agent orchestrator",
      "invoke_agent planner",
      "invoke_agent executor",
      "invoke_agent reviewer",
      ...Array.from({ length: 3 }, () => "execute_tool delegate"),
      "execute_tool list_directory",
      "execute_tool read_file",
      "execute_tool read_file",
      // Of the orchestrator four, of planner and reviewer two each, of the executor one for its only step.
      ...Array.from({ length: 9 }, () => "chat mind-spans"),
    ].sort(),
  );
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  const root = one(spans, "invoke_agent orchestrator");
  expect(root.parentSpanId).toBeUndefined();
  for (const span of spans) {
    const parent = byId.get(span.parentSpanId ?? "");
    expect({ span: span.name, parent: parent?.name.split(" ")[0] }).toEqual({
      span: span.name,
      parent: span === root ? undefined : span.name.startsWith("invoke_agent") ? "execute_tool" : "invoke_agent",
    });
    expect(span.end >= span.start).toBe(true);
    expect({ kind: span.kind, status: span.status, service: span.service }).toEqual({
      kind: span.name.startsWith("chat") ? 3 : 1,
      status: 0,
      service: "loom",
    });
    expect(span.attributes["error.type"]).toBeUndefined();
  }
  const planner = one(spans, "invoke_agent planner");
  expect(one(spans, "execute_tool list_directory").parentSpanId).toBe(planner.spanId);
  expect(byId.get(planner.parentSpanId ?? "")?.parentSpanId).toBe(root.spanId);

  const run = await bob.get<{ steps: { type: string; tokens: number }[] }>(`/runs/${id}`);
  const first = spans.find(
    ({ attributes }) => attributes["powerloom.run.id"] === id && attributes["powerloom.step.id"] === "main/1",
  );
  expect(first?.attributes).toMatchObject({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "mind-spans",
    "gen_ai.response.model": "mind-spans",
    "gen_ai.response.finish_reasons": ["tool_use"],
    "gen_ai.agent.name": "orchestrator",
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(stage.stack.simulatorUrl).port),
  });
  const tokens = run.steps.find(({ type }) => type === "model_call")?.tokens;
  const { "gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": output } = first?.attributes ?? {};
  expect(Number(input) + Number(output)).toBe(tokens);
  expect(one(spans, "execute_tool list_directory").attributes).toMatchObject({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "list_directory",
    "gen_ai.tool.call.id": expect.stringMatching(/^toolu_/),
    "gen_ai.agent.name": "planner",
  });
  expect(JSON.stringify(spans, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value))).not.toMatch(
    /the-word-that-stays-here|a\.txt|bob@/,
  );
  expect(collector.requests[0]).toMatchObject({ path: "/v1/traces", headers: { "x-collector-key": "k1" } });
});

test.each(variant("what fails says how, and a run that a traced client asked for is part of that trace"))(
  "%s",
  async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const models = await armMind(
      "failing",
      talker(
        [
          {
            tool_uses: [
              { name: "read_file", input: { path: "missing.txt" } },
              { name: "write_file", input: { path: "b", content: "c" } },
            ],
          },
        ],
        "error",
      ),
      stage.stack.simulatorUrl,
    );
    const asked = async (traceparent: string) => {
      const response = await fetch(`${stage.stack.apiUrl}/runs`, {
        method: "POST",
        headers: { authorization: `Bearer ${bob.token}`, "content-type": "application/json", traceparent },
        body: JSON.stringify({ task: "Fail.", agent: "planner", models }),
      });
      expect(response.status).toBe(201);
      return (await response.json()) as Started;
    };
    const { id, trace_id } = await asked(`00-${traceId}-00f067aa0ba902b7-01`);
    expect(trace_id).toBe(traceId);
    await ended(bob, id, 60_000);
    const spans = await allOf(traceId, 5);
    const root = one(spans, "invoke_agent planner");
    expect(root).toMatchObject({
      parentSpanId: "00f067aa0ba902b7",
      status: 2,
      attributes: { "error.type": "provider" },
    });
    expect(one(spans, "execute_tool read_file")).toMatchObject({
      status: 2,
      attributes: { "error.type": "tool_error" },
    });
    // The planner may not write: that there is such a tool is none of its knowledge.
    expect(one(spans, "execute_tool unknown")).toMatchObject({
      status: 2,
      attributes: { "error.type": expect.any(String) },
    });
    const chats = spans.filter(({ name }) => name === "chat mind-failing");
    expect(new Set(chats.map(({ attributes }) => attributes["error.type"]))).toEqual(new Set(["400", undefined]));

    const unsampled = await asked("00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    const invalid = await asked("00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    expect(unsampled.trace_id).toBe("5bf92f3577b34da6a3ce929d0e0e4736");
    expect(invalid.trace_id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    await ended(bob, unsampled.id, 60_000);
    await ended(bob, invalid.id, 60_000);
    expect((await told(invalid.trace_id, "invoke_agent planner")).parentSpanId).toBeUndefined();
    expect(spansOf(unsampled.trace_id)).toEqual([]);
  },
);

test.each(variant("a run that is cancelled closes what it was in the middle of: every parent is told"))(
  "%s",
  async () => {
    const roles = { ...readingMind(), planner: { turns: [{ ...looking, delay_ms: 30_000 }] } };
    const { id, trace_id } = await start("cancelled", roles);
    await eventually(
      async () =>
        (await mindCalls({ url: stage.stack.simulatorUrl }, "mind-cancelled")).length === 2 ? true : undefined,
      "its planner is in the middle of an answer",
    );
    expect((await ask(bob.token, "POST", `/runs/${id}/cancel`, {}, stage.stack.apiUrl)).status).toBe(202);
    expect(await ended(bob, id, 30_000)).toMatchObject({ status: "cancelled" });
    // Two agents, the call that joins them, and a chat of each.
    const spans = await allOf(trace_id, 5);
    expect(one(spans, "invoke_agent orchestrator")).toMatchObject({
      status: 2,
      attributes: { "error.type": "cancelled-by-person" },
    });
    const planner = one(spans, "invoke_agent planner");
    expect(planner.parentSpanId).toBe(one(spans, "execute_tool delegate").spanId);
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId))).toEqual([]);
  },
);

test("a collector that is down changes nothing for a run, and what is left is sent when the worker drains", async () => {
  collector.answerWith(400);
  const before = collector.requests.length;
  const lost = await start("down", readingMind());
  expect(await ended(bob, lost.id, 60_000)).toMatchObject({ status: "completed" });
  await eventually(async () => (collector.requests.length > before ? true : undefined), "it was tried");
  collector.answerWith(200);
  const kept = await start("drained", readingMind());
  expect(await ended(bob, kept.id, 60_000)).toMatchObject({ status: "completed" });
  await stage.stack.supervisor.stop();
  expect(spansOf(kept.trace_id).map(({ name }) => name)).toContain("invoke_agent orchestrator");
});
