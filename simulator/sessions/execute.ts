import type { Connection } from "../mcp/connection.ts";
import type { NewEvent } from "../store/wire.ts";
import type { OpenCall } from "./open-calls.ts";

type SessionError = Extract<NewEvent, { type: "session.error" }>;

export interface Executed {
  text: string;
  isError: boolean;
  /** Told besides the result, when the server could not be used at all. */
  problem?: SessionError;
}

/** Runs one tool call that nothing holds back any more: refused, denied, built in, or over MCP. */
export async function execute(
  call: OpenCall,
  connection: Connection | undefined,
  signal: AbortSignal,
): Promise<Executed> {
  const { use, confirmation } = call;
  if (use.type === "agent.custom_tool_use") return failure("The tool's result never arrived.");
  if (use.evaluated_permission === "deny") return failure(`The tool \`${use.name}\` is not enabled.`);
  if (confirmation?.result === "deny") {
    const reason = confirmation.deny_message == null ? "" : ` Reason: ${confirmation.deny_message}`;
    return failure(`The tool call was denied.${reason}`);
  }
  if (use.type === "agent.tool_use") {
    return failure(`This stand-in has no sandbox, so the built-in tool \`${use.name}\` did not run.`);
  }
  if (connection === undefined) return failure(`MCP server "${use.mcp_server_name}" is not part of this session.`);
  const outcome = await connection.call(use.name, use.input, signal);
  switch (outcome.kind) {
    case "result":
      return { text: outcome.text, isError: outcome.isError };
    case "failed":
      return failure(`The call of \`${use.name}\` failed: ${outcome.message}`);
    case "unauthorized":
    case "unreachable":
      return {
        ...failure(`MCP server "${use.mcp_server_name}": ${outcome.message}`),
        problem: serverProblem(use.mcp_server_name, outcome.kind, outcome.message),
      };
  }
}

/** The error event for a server that refuses us or cannot be reached; the session goes on without it. */
export function serverProblem(
  server: string,
  kind: "unauthorized" | "unreachable" | "failed",
  message: string,
): SessionError {
  return {
    type: "session.error",
    error: {
      type: kind === "unauthorized" ? "mcp_authentication_failed_error" : "mcp_connection_failed_error",
      mcp_server_name: server,
      message:
        kind === "unauthorized"
          ? `Authentication to MCP server "${server}" failed.`
          : `MCP server "${server}" could not be used: ${message}`,
      retry_status: { type: "retrying" },
    },
  };
}

function failure(text: string): Executed {
  return { text, isError: true };
}
