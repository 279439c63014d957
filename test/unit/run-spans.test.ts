import { describe, expect, test } from "vitest";
import { readConfig } from "../../config.ts";
import { spanIdOf, spanOfRun, spanOfStep, type TracedRun, type TracedStep } from "../../core/telemetry/run-spans.ts";
import { readTraceParent, writeTraceParent } from "../../core/telemetry/traceparent.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 1, 8, 0, second));
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const run: TracedRun = {
  id: "0198c2f4-6f7e-7c3a-9d55-000000000001",
  organisation_id: "0198c2f4-6f7e-7c3a-9d55-0000000000aa",
  parent_run_id: null,
  trace_id: traceId,
  traceparent: null,
  parent_step_id: null,
  agent_id: "planner",
  definition_id: "0198c2f4-6f7e-7c3a-9d55-0000000000dd",
  definition_version: 3,
  role_id: "planner",
  model_id: "claude-sonnet-5-5",
  status: "completed",
  reason: { rule: "final-answer" },
  created_at: at(0),
  started_at: at(1),
  completed_at: at(9),
};
const chat: TracedStep = {
  step_id: "main/1",
  step_type: "model_call",
  thread: "main",
  tool_name: null,
  tool_use_id: null,
  status: "success",
  facts: { stop: "tool_use", model: "claude-sonnet-5-5-20260928" },
  decision: null,
  usage: { input_tokens: 10, output_tokens: 7, cache_read_input_tokens: 100, cache_creation_input_tokens: null },
  endpoint: "api.anthropic.com",
  duration_ms: 500,
  created_at: at(2),
  completed_at: at(4),
  child_created_at: null,
};
const tool: TracedStep = {
  ...chat,
  step_id: "main/1.1",
  step_type: "tool_call",
  tool_name: "read_file",
  tool_use_id: "toolu_1",
  facts: { kind: "done" },
  decision: { proposed: { known: true }, verdict: "run" },
  usage: null,
  endpoint: null,
};

describe("the span of a run", () => {
  test("has the run's trace, its times and who it is", () => {
    expect(spanOfRun(run)).toEqual({
      traceId,
      spanId: spanIdOf(run.id, null),
      parentSpanId: null,
      sampled: true,
      name: "invoke_agent planner",
      kind: "internal",
      start: at(1).getTime(),
      end: at(9).getTime(),
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "planner",
        "gen_ai.agent.id": run.definition_id,
        "gen_ai.agent.version": "3",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-5-5",
        "powerloom.organisation.id": run.organisation_id,
        "powerloom.run.id": run.id,
        "powerloom.run.role": "planner",
        "powerloom.run.status": "completed",
      },
      failed: false,
    });
    expect(spanOfRun({ ...run, completed_at: null })).toBeUndefined();
  });

  test("is below the call that started it, the run that did, or the span that the task came from", () => {
    const child = { ...run, id: "0198c2f4-6f7e-7c3a-9d55-000000000002", parent_run_id: run.id };
    expect(spanOfRun({ ...child, parent_step_id: "main/1.1" })?.parentSpanId).toBe(
      spanOfStep(run, { ...tool, child_created_at: at(3) })?.spanId,
    );
    expect(spanOfRun(child)?.parentSpanId).toBe(spanIdOf(run.id, null));
    const traced = { ...run, traceparent: `00-${traceId}-00f067aa0ba902b7-00` };
    expect(spanOfRun(traced)).toMatchObject({ parentSpanId: "00f067aa0ba902b7", sampled: false });
    expect(spanOfStep(traced, chat)).toMatchObject({ parentSpanId: spanIdOf(run.id, null), sampled: false });
  });

  test("that did not complete names the rule it ended by", () => {
    const ended = spanOfRun({ ...run, status: "stopped", reason: { rule: "budget-exhausted" } });
    expect(ended).toMatchObject({ failed: true, attributes: { "error.type": "budget-exhausted" } });
    expect(spanOfRun({ ...run, status: "cancelled", reason: null })?.attributes["error.type"]).toBe("cancelled");
  });
});

describe("the span of a step", () => {
  test("of a model counts all tokens that were read, and says which model and server answered", () => {
    expect(spanOfStep(run, chat)).toMatchObject({
      parentSpanId: spanIdOf(run.id, null),
      name: "chat claude-sonnet-5-5",
      kind: "client",
      start: at(2).getTime(),
      end: at(4).getTime(),
      failed: false,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-5-5",
        "gen_ai.response.model": "claude-sonnet-5-5-20260928",
        "gen_ai.response.finish_reasons": ["tool_use"],
        "gen_ai.usage.input_tokens": 110,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "server.address": "api.anthropic.com",
        "server.port": 443,
      },
    });
    expect(spanOfStep(run, { ...chat, endpoint: "127.0.0.1:4010" })?.attributes).toMatchObject({
      "server.address": "127.0.0.1",
      "server.port": 4010,
    });
  });

  test("of a tool lasts as long as the tool did, or as the subagent that it started", () => {
    expect(spanOfStep(run, tool)).toMatchObject({
      name: "execute_tool read_file",
      kind: "internal",
      start: at(4).getTime() - 500,
      attributes: {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.call.id": "toolu_1",
        "gen_ai.tool.type": "function",
        "gen_ai.agent.name": "planner",
      },
    });
    expect(spanOfStep(run, { ...tool, child_created_at: at(3) })?.start).toBe(at(3).getTime());
    expect(spanOfStep(run, { ...tool, child_created_at: at(8) })?.start).toBe(at(4).getTime());
  });

  test("that is still open has none, and a name that no tool has is not repeated", () => {
    expect(spanOfStep(run, { ...tool, completed_at: null })).toBeUndefined();
    const invented = spanOfStep(run, { ...tool, tool_name: "my secret", decision: { proposed: { known: false } } });
    expect(invented?.name).toBe("execute_tool unknown");
    expect(JSON.stringify(invented)).not.toContain("secret");
  });

  test.each<[Partial<TracedStep>, string]>([
    [{ status: "unknown", facts: null, usage: null }, "unknown_outcome"],
    [{ status: "failed", facts: {}, decision: { error: "status 400" } }, "400"],
    [{ status: "failed", facts: {}, decision: null }, "_OTHER"],
    [{ ...tool, status: "refused", facts: { kind: "refused", rule: "lease-expired" } }, "lease-expired"],
    [{ ...tool, status: "timeout" }, "timeout"],
    [{ ...tool, status: "failed" }, "tool_error"],
  ])("that ended as %j has an error type", (fields, type) => {
    expect(spanOfStep(run, { ...chat, ...fields })).toMatchObject({ failed: true, attributes: { "error.type": type } });
  });

  test("says the same whenever it is made, and no two of them share an id", () => {
    expect(spanOfStep(run, tool)).toEqual(spanOfStep({ ...run }, { ...tool }));
    const ids = [spanIdOf("a", null), spanIdOf("a", "main/1"), spanIdOf("a", "main/1.1"), spanIdOf("b", "main/1")];
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("a traceparent", () => {
  const spanId = "00f067aa0ba902b7";
  test.each<[string, boolean]>([
    [`00-${traceId}-${spanId}-01`, true],
    [`00-${traceId}-${spanId}-00`, false],
    [`00-${traceId}-${spanId}-03`, true],
    [`cc-${traceId}-${spanId}-01-what-comes-later`, true],
  ])("%s is read", (header, sampled) => {
    const parent = readTraceParent(header);
    expect(parent).toEqual({ traceId, spanId, sampled });
    if (parent !== null) expect(readTraceParent(writeTraceParent(parent))).toEqual(parent);
  });

  test.each([
    undefined,
    "",
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-0`,
    `00-${traceId}${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
  ])("that is not valid (%j) counts as absent", (header) => {
    expect(readTraceParent(header)).toBeNull();
  });
});

describe("spans are sent", () => {
  const environment = {
    POWERLOOM_MCP_CLIENT_SECRET: "0123456789abcdef",
    POWERLOOM_SEALING_KEY: Buffer.alloc(32).toString("base64url"),
    DATABASE_URL: "postgres://app@localhost/powerloom",
    ANTHROPIC_BASE_URL: "http://127.0.0.1:4010",
  };
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
  test.each<[string, Record<string, string>, string | undefined]>([
    ["not, by default", {}, undefined],
    ["where there is an endpoint", endpoint, "powerloom-worker"],
    ["where there is one for traces", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c:4318/x" }, "powerloom-worker"],
    ["when the exporter is named", { OTEL_TRACES_EXPORTER: "otlp", OTEL_SERVICE_NAME: "loom" }, "loom"],
    ["not, when none is wanted", { ...endpoint, OTEL_TRACES_EXPORTER: "none" }, undefined],
    ["not, when all of it is off", { ...endpoint, OTEL_SDK_DISABLED: "true" }, undefined],
  ])("%s", (_, variables, expected) => {
    expect(readConfig({ ...environment, ...variables }).spansAs).toBe(expected);
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ OTEL_TRACES_EXPORTER: "console" }, /OTEL_TRACES_EXPORTER/],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /OTEL_EXPORTER_OTLP_PROTOCOL: only OTLP over HTTP/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, /OTEL_EXPORTER_OTLP_ENDPOINT/],
  ])("or the start is refused: %j", (variables, fault) => {
    expect(() => readConfig({ ...environment, ...variables })).toThrow(fault);
  });
});
