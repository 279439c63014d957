export type RiskLevel = "low" | "medium" | "high";

/** A JSON Schema (2020-12 unless its `$schema` says draft-07), as plain JSON. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Where a tool runs. `server` is the id of the registration of an MCP server, and `tool` its own name for the tool. */
export type ToolSource =
  | { kind: "workspace" }
  | { kind: "runtime" }
  | { kind: "control_plane"; operation: string }
  | { kind: "mcp"; server: string; tool: string };

/** One tool as a run sees it: what it is for, what it takes, and how much harm it could do. */
export interface ToolSpec {
  name: string;
  /** One line, for lists and search. */
  summary: string;
  /** What the model reads. */
  description: string;
  inputSchema: JsonSchema;
  outputSchema: JsonSchema | null;
  risk: RiskLevel;
  /** True when a call changes nothing, so that READ_ONLY lets it through. */
  readOnly: boolean;
  /** Offered from the first model call on; the others are found with search_tools. */
  bootstrap: boolean;
  source: ToolSource;
}
