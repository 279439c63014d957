import { type Conversation, call, say, type ToolResult } from "./replay.ts";
import type { Tool } from "./step.ts";

/** Calls the tools of provisioning by their names, wherever they are served. */
export interface Toolbox {
  call(tool: string, input: Record<string, unknown>, afterMs?: number): Conversation<ToolResult>;
}

/** How long to wait before a call that got no answer is made again: a server that restarts needs a few seconds. */
const patienceMs = [500, 1_000, 2_000, 4_000, 4_000];

/** A toolbox over the tools on offer. Calls that got no answer are made again: every tool of provisioning may be. */
export function toolbox(tools: Tool[]): Toolbox {
  return {
    *call(tool, input, afterMs) {
      const server = tools.find(({ name }) => name === tool)?.server;
      if (server === undefined) return { text: `The tool \`${tool}\` is not on offer.`, isError: true };
      let result = yield* call({ server, tool, input, ...(afterMs === undefined ? {} : { afterMs }) });
      for (const waitMs of patienceMs) {
        if (!isPassing(result)) break;
        result = yield* call({ server, tool, input, afterMs: waitMs });
      }
      return result;
    },
  };
}

// No answer from the tool's server, or the server's own word that what it stands for is away for the moment.
function isPassing(result: ToolResult): boolean {
  if (!result.isError) return false;
  const status = statusOf(result);
  if (status !== undefined) return status === 502 || status === 503 || status === 504;
  return (
    /^(?:The call of `[^`]*` failed|MCP server "[^"]*"): /.test(result.text) &&
    !/\b40[0-9]\b|unauthori[sz]ed|forbidden/i.test(result.text)
  );
}

/** Calls a tool that reads; says the raw error and returns undefined when it fails. */
export function* read<T>(
  tools: Toolbox,
  tool: string,
  input: Record<string, unknown> = {},
  afterMs?: number,
): Conversation<T | undefined> {
  const result = yield* tools.call(tool, input, afterMs);
  const value = parse(result.text);
  if (!result.isError && value !== undefined) return value as T;
  yield* say(problemText(result));
  return undefined;
}

export interface Mutation {
  status: "applied" | "pending_approval" | "received" | "needs_input";
  request_id?: string;
  message: string;
  ask?: string[];
  agent?: unknown;
}

/** Calls a tool that changes something. An error comes back as its text, not yet said. */
export function* mutate(
  tools: Toolbox,
  tool: string,
  input: Record<string, unknown>,
): Conversation<{ ok: true; outcome: Mutation } | { ok: false; text: string }> {
  const result = yield* tools.call(tool, input);
  const outcome = parse(result.text) as Mutation | undefined;
  if (!result.isError && typeof outcome?.status === "string") return { ok: true, outcome };
  return { ok: false, text: problemText(result) };
}

/** The HTTP status of a problem document, when the result is one. */
export function statusOf(result: ToolResult): number | undefined {
  const problem = parse(result.text);
  return result.isError && typeof problem?.["status"] === "number" ? problem["status"] : undefined;
}

/** The raw facts of a failed call: the API's own problem document, or whatever text there is. */
export function problemText({ text, isError }: ToolResult): string {
  const problem = parse(text);
  if (problem === undefined || typeof problem["status"] !== "number") {
    return isError ? `The tool call failed: ${text}` : `The tool's answer could not be read: ${text.slice(0, 200)}`;
  }
  const stated = problem["detail"] ?? problem["title"];
  const detail = typeof stated === "string" ? stated : "no detail";
  const shown = new Set(["type", "title", "status", "detail", "instance"]);
  const more = Object.entries(problem)
    .filter(([key, value]) => !shown.has(key) && isPlain(value) && !detail.includes(plain(value)))
    .map(([key, value]) => `${key}: ${plain(value)}`);
  return `API returned ${problem["status"]}: ${detail}${more.length === 0 ? "" : ` (${more.join("; ")})`}`;
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => typeof item === "string");
  return typeof value === "string" || typeof value === "number";
}

function plain(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
