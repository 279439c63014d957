import type { SessionEvent } from "../store/wire.ts";

export type ToolUse = Extract<
  SessionEvent,
  { type: "agent.mcp_tool_use" | "agent.tool_use" | "agent.custom_tool_use" }
>;
type Confirmation = Extract<SessionEvent, { type: "user.tool_confirmation" }>;

export interface OpenCall {
  use: ToolUse;
  /** The person's answer, once it was processed. */
  confirmation: Confirmation | undefined;
  /** Whether only a client can move it on: a confirmation or a custom tool's result. */
  needsAction: boolean;
}

/** The tool calls of a history that have no result yet. */
export function openCalls(history: SessionEvent[]): OpenCall[] {
  const open = new Map<string, OpenCall>();
  for (const event of history) {
    if (event.type === "agent.mcp_tool_use" || event.type === "agent.tool_use") {
      open.set(event.id, { use: event, confirmation: undefined, needsAction: event.evaluated_permission === "ask" });
    } else if (event.type === "agent.custom_tool_use") {
      open.set(event.id, { use: event, confirmation: undefined, needsAction: true });
    } else if (event.type === "user.tool_confirmation") {
      const call = open.get(event.tool_use_id);
      if (call === undefined || event.processed_at == null) continue;
      open.set(event.tool_use_id, { ...call, confirmation: event, needsAction: false });
    } else if (event.type === "agent.mcp_tool_result") {
      open.delete(event.mcp_tool_use_id);
    } else if (event.type === "agent.tool_result") {
      open.delete(event.tool_use_id);
    } else if (event.type === "user.custom_tool_result" && event.processed_at != null) {
      open.delete(event.custom_tool_use_id);
    }
  }
  return [...open.values()];
}
