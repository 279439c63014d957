import { type CallToolResult, McpServer } from "@modelcontextprotocol/server";
import type { Logger } from "pino";
import { z } from "zod";
import { type MetaToolName, metaToolInputs, metaToolOutputs } from "../contracts/meta-tools.ts";
import { PowerloomError, toProblem } from "../core/errors.ts";
import { ApiFailure } from "./api-requests.ts";
import { instructions } from "./instructions.ts";
import type { CallOutcome, Metrics } from "./metrics.ts";
import { publishedSchema } from "./published-schema.ts";
import { toolTexts } from "./tool-texts.ts";
import { metaTools } from "./tools/all.ts";
import type { Caller } from "./tools/tool-call.ts";

const toolNames = Object.keys(toolTexts) as MetaToolName[];

const definitions = toolNames.map((name) => {
  const { title, description, reads } = toolTexts[name];
  return {
    name,
    config: {
      title,
      description,
      inputSchema: publishedSchema(metaToolInputs[name]),
      outputSchema: publishedSchema(metaToolOutputs[name]),
      // Mutations are idempotent because of their keys; none of them removes or overwrites anything.
      annotations: { title, readOnlyHint: reads, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
  };
});

/** The MCP server for one caller: over HTTP made anew for each request, over stdio once for each connection. */
export function metaServer(caller: Caller, options: { log: Logger; metrics?: Metrics }): McpServer {
  const server = new McpServer(
    { name: "powerloom_meta", title: "Powerloom meta-agent tools", version: "0.1.0" },
    { instructions, capabilities: { tools: { listChanged: false } }, maxToolInputElements: 100 },
  );
  for (const { name, config } of definitions)
    server.registerTool(name, config, (input) => runTool(name, input, caller, options));
  return server;
}

async function runTool(
  name: MetaToolName,
  input: unknown,
  caller: Caller,
  { log, metrics }: { log: Logger; metrics?: Metrics },
): Promise<CallToolResult> {
  const started = performance.now();
  const done = (outcome: CallOutcome, more: Record<string, unknown> = {}) => {
    const seconds = (performance.now() - started) / 1000;
    metrics?.toolCall(name, outcome, seconds);
    log.info({ tool: name, outcome, session: caller.session, ms: Math.round(seconds * 1000), ...more }, "tool call");
  };
  try {
    // The table pairs each name with its own input; the compiler cannot follow a name that varies.
    const run = metaTools[name] as (caller: Caller, input: unknown) => Promise<unknown>;
    const output = metaToolOutputs[name].parse(await run(caller, input)) as Record<string, unknown>;
    const { status, request_id } = output;
    if (toolTexts[name].reads) done("read");
    else done(status as CallOutcome, request_id === undefined ? {} : { request_id });
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
