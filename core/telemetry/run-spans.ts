import { sha256Hex } from "../canonical.ts";
import { readTraceParent } from "./traceparent.ts";

/**
 * Spans of agent runs, after the GenAI semantic conventions of OpenTelemetry (semantic-conventions 1.45). They are made of
 * rows that are closed, with ids that follow from the rows' own: whoever tells of a row, and however often, tells the same.
 * No words of people or models are in them.
 */
export interface RunSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  /** False when the caller who began the trace does not record it. */
  sampled: boolean;
  name: string;
  kind: "internal" | "client";
  /** Epoch milliseconds. */
  start: number;
  end: number;
  attributes: Record<string, string | number | boolean | string[]>;
  failed: boolean;
}

/** Of a run, what its spans tell. */
export interface TracedRun {
  id: string;
  organisation_id: string;
  parent_run_id: string | null;
  trace_id: string;
  /** Of the tree's root: the trace it came from. */
  traceparent: string | null;
  /** The step of its parent that started it. */
  parent_step_id: string | null;
  agent_id: string;
  definition_id: string;
  definition_version: number;
  role_id: string;
  model_id: string;
  status: string;
  reason: { rule: string } | null;
  created_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
}

/** Of a step, what its span tells. */
export interface TracedStep {
  step_id: string;
  step_type: "model_call" | "tool_call";
  thread: string;
  tool_name: string | null;
  tool_use_id: string | null;
  status: string;
  facts: unknown;
  decision: Record<string, unknown> | null;
  usage: unknown;
  endpoint: string | null;
  duration_ms: number | null;
  created_at: Date;
  completed_at: Date | null;
  /** When the subagent that it started was made. */
  child_created_at: Date | null;
}

/** Deterministic: a run's own span, or that of one of its steps. */
export function spanIdOf(runId: string, stepId: string | null): string {
  return sha256Hex(stepId === null ? runId : `${runId}/${stepId}`).slice(0, 16);
}

/** `invoke_agent`, below the call that started the run; undefined while it goes on. */
export function spanOfRun(run: TracedRun): RunSpan | undefined {
  if (run.completed_at === null) return undefined;
  const remote = readTraceParent(run.traceparent);
  const failed = run.status !== "completed";
  return {
    ...common(run),
    spanId: spanIdOf(run.id, null),
    parentSpanId:
      run.parent_run_id === null ? (remote?.spanId ?? null) : spanIdOf(run.parent_run_id, run.parent_step_id),
    name: `invoke_agent ${run.agent_id}`,
    kind: "internal",
    ...between(run.started_at ?? run.created_at, run.completed_at),
    attributes: {
      ...ofAgent(run, "invoke_agent"),
      "gen_ai.provider.name": provider,
      "gen_ai.request.model": run.model_id,
      "powerloom.run.role": run.role_id,
      "powerloom.run.status": run.status,
      ...(failed ? { "error.type": run.reason?.rule ?? run.status } : {}),
    },
    failed,
  };
}

/** `chat` or `execute_tool`, below the run's own span; undefined for what is not closed, or was never carried out. */
export function spanOfStep(run: TracedRun, step: TracedStep): RunSpan | undefined {
  if (step.completed_at === null) return undefined;
  const own = {
    ...common(run),
    spanId: spanIdOf(run.id, step.step_id),
    parentSpanId: spanIdOf(run.id, null),
    failed: step.status !== "success",
  };
  return step.step_type === "model_call"
    ? {
        ...own,
        name: `chat ${run.model_id}`,
        kind: "client",
        // With all its repetitions: one operation as the run sees it.
        ...between(step.created_at, step.completed_at),
        attributes: { ...ofAgent(run, "chat"), ...ofChat(run, step), ...errorOf(step) },
      }
    : {
        ...own,
        name: `execute_tool ${toolOf(step)}`,
        kind: "internal",
        // Without the time in which people were asked.
        ...between(
          step.child_created_at ?? new Date(step.completed_at.getTime() - (step.duration_ms ?? 0)),
          step.completed_at,
        ),
        attributes: {
          ...ofAgent(run, "execute_tool"),
          "gen_ai.tool.name": toolOf(step),
          "gen_ai.tool.type": "function",
          ...(step.tool_use_id === null ? {} : { "gen_ai.tool.call.id": step.tool_use_id }),
          "powerloom.step.id": step.step_id,
          "powerloom.step.status": step.status,
          ...errorOf(step),
        },
      };
}

type Attributes = RunSpan["attributes"];

/** The format that is spoken, whoever speaks it: the endpoint's address says who. */
const provider = "anthropic";

function common(run: TracedRun): Pick<RunSpan, "traceId" | "sampled"> {
  return { traceId: run.trace_id, sampled: readTraceParent(run.traceparent)?.sampled ?? true };
}

// Clocks of the database and of workers differ a little: nothing ends before it began.
function between(start: Date, end: Date): { start: number; end: number } {
  return { start: Math.min(start.getTime(), end.getTime()), end: end.getTime() };
}

function ofAgent(run: TracedRun, operation: string): Attributes {
  return {
    "gen_ai.operation.name": operation,
    "gen_ai.agent.name": run.agent_id,
    "gen_ai.agent.id": run.definition_id,
    "gen_ai.agent.version": String(run.definition_version),
    "powerloom.organisation.id": run.organisation_id,
    "powerloom.run.id": run.id,
  };
}

function ofChat(run: TracedRun, step: TracedStep): Attributes {
  const facts = record(step.facts);
  const usage = record(step.usage);
  const read = count(usage["cache_read_input_tokens"]);
  const written = count(usage["cache_creation_input_tokens"]);
  const { stop, model } = facts;
  return {
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": run.model_id,
    "gen_ai.request.stream": true,
    "gen_ai.output.type": "json",
    "gen_ai.conversation.id": `${run.id}/${step.thread}`,
    "gen_ai.response.finish_reasons": [typeof stop === "string" ? stop : "error"],
    ...(typeof model === "string" ? { "gen_ai.response.model": model } : {}),
    ...(step.usage === null
      ? {}
      : {
          // All that was read, cached or not (note on gen_ai.usage.input_tokens).
          "gen_ai.usage.input_tokens": count(usage["input_tokens"]) + read + written,
          "gen_ai.usage.output_tokens": count(usage["output_tokens"]),
          "gen_ai.usage.cache_read.input_tokens": read,
          "gen_ai.usage.cache_creation.input_tokens": written,
        }),
    ...serverOf(step.endpoint),
    "powerloom.step.id": step.step_id,
    "powerloom.step.status": step.status,
  };
}

function serverOf(endpoint: string | null): Attributes {
  if (endpoint === null) return {};
  const { hostname, port } = new URL(`https://${endpoint}`);
  return { "server.address": hostname, "server.port": port === "" ? 443 : Number(port) };
}

/** A name that no tool has is the model's word. */
function toolOf(step: TracedStep): string {
  return record(step.decision?.["proposed"])["known"] === true ? (step.tool_name ?? "unknown") : "unknown";
}

function errorOf(step: TracedStep): Attributes {
  switch (step.status) {
    case "success":
      return {};
    case "refused":
      return { "error.type": text(record(step.facts)["rule"]) ?? "refused" };
    case "unknown":
      return { "error.type": "unknown_outcome" };
    case "timeout":
      return { "error.type": "timeout" };
    default:
      return {
        "error.type":
          text(step.decision?.["error"])?.replace("status ", "") ??
          (step.step_type === "tool_call" ? "tool_error" : "_OTHER"),
      };
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
