import type { KnownTool } from "../store/store.ts";

export interface ToolCall {
  /** The MCP server's name in the agent; absent for a built-in or custom tool. */
  server?: string;
  tool: string;
  input: Record<string, unknown>;
  /** Wait this long before calling, when looking again at something that takes time. */
  afterMs?: number;
}

export interface Step {
  say?: string;
  /** Stops in the middle of the words until it is let go. */
  held?: boolean;
  call?: ToolCall;
}

export type NextStep = Step | "done";
export type Tool = KnownTool;
