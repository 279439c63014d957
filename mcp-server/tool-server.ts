import { type CallToolResult, McpServer } from "@modelcontextprotocol/server";
import type { Logger } from "pino";
import { z } from "zod";
import { PowerloomError, toProblem } from "../core/errors.ts";
import { powerloomVersion } from "../core/version.ts";
import { ApiFailure } from "./api-requests.ts";
import type { CallOutcome, Metrics } from "./metrics.ts";
import { publishedSchema } from "./published-schema.ts";
import type { ToolText } from "./tool-texts.ts";
import type { Caller } from "./tools/tool-call.ts";

/** One tool: how it introduces itself, what goes in and out, what it does. */
export interface Tool {
  name: string;
  config: ReturnType<typeof toolConfig>;
  output: z.ZodType;
  /** The signal says that nobody waits for the answer any more, or that this process is about to end. */
  run: (caller: Caller, input: unknown, signal: AbortSignal) => Promise<unknown>;
  /** How a call that gave this output is counted. */
  outcomeOf: (output: Record<string, unknown>) => CallOutcome;
}

/** What a server consists of. */
export interface ToolSet {
  name: string;
  title: string;
  instructions: string;
  /** Array elements and object members that one call may carry. */
  mostInputElements: number;
  tools: readonly Tool[];
}

/** A tool's title, description, published schemas and hints; computed once, because a server is made for every request. */
export function toolConfig(
  { title, description, reads, destructive = false, openWorld = false }: ToolText,
  input: z.ZodType,
  output: z.ZodType,
) {
  return {
    title,
    description,
    inputSchema: publishedSchema(input),
    outputSchema: publishedSchema(output),
    // Mutations are idempotent because of their keys.
    annotations: {
      title,
      readOnlyHint: reads,
      destructiveHint: destructive,
      idempotentHint: true,
      openWorldHint: openWorld,
    },
  };
}

/** What a server needs besides its tools. */
export interface ServerOptions {
  log: Logger;
  metrics?: Metrics;
  /** Aborted when the process begins to end: whatever only waits gives up. */
  ending?: AbortSignal;
}

/** The MCP server for one caller: over HTTP made anew for each request, over stdio once for each connection. */
export function toolServer(
  { name, title, instructions, mostInputElements, tools }: ToolSet,
  caller: Caller,
  options: ServerOptions,
): McpServer {
  const server = new McpServer(
    { name, title, version: powerloomVersion },
    { instructions, capabilities: { tools: { listChanged: false } }, maxToolInputElements: mostInputElements },
  );
  for (const tool of tools)
    server.registerTool(tool.name, tool.config, (input, { mcpReq }) =>
      runTool(tool, input, caller, mcpReq.signal, options),
    );
  return server;
}

async function runTool(
  { name, output: schema, run, outcomeOf }: Tool,
  input: unknown,
  caller: Caller,
  given: AbortSignal,
  { log, metrics, ending }: ServerOptions,
): Promise<CallToolResult> {
  const started = performance.now();
  const done = (outcome: CallOutcome, more: Record<string, unknown> = {}) => {
    const seconds = (performance.now() - started) / 1000;
    metrics?.toolCall(name, outcome, seconds);
    log.info({ tool: name, outcome, session: caller.session, ms: Math.round(seconds * 1000), ...more }, "tool call");
  };
  try {
    const signal = ending === undefined ? given : AbortSignal.any([given, ending]);
    const output = schema.parse(await run(caller, input, signal)) as Record<string, unknown>;
    const { request_id } = output;
    done(outcomeOf(output), request_id === undefined ? {} : { request_id });
    return { content: [{ type: "text", text: JSON.stringify(output) }], structuredContent: output };
  } catch (error) {
    const failure = error instanceof ApiFailure ? error : unforeseen(error);
    done("error", { status: failure.status });
    // What we did not foresee is logged and stays private; a broken connection is worth its cause.
    if (failure.status === undefined && failure.cause !== undefined)
      log.error({ err: failure.cause, tool: name }, failure.message);
    return { content: [{ type: "text", text: failure.text }], isError: true };
  }
}

function unforeseen(cause: unknown): ApiFailure {
  const detail =
    cause instanceof z.ZodError
      ? "The Powerloom API's answer could not be read."
      : "An unforeseen error; it has been logged.";
  return new ApiFailure(JSON.stringify(toProblem(new PowerloomError("internal", detail))), undefined, { cause });
}
