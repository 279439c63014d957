import type { ToolSpec } from "./spec.ts";

const name = { type: "string", minLength: 1, maxLength: 200 };

/** Tools by which an agent finds further tools: only those its definition allows. */
export const runtimeSpecs: readonly ToolSpec[] = [
  {
    name: "search_tools",
    summary: "Finds tools by words",
    description: "Finds tools you may use by words of their names and descriptions, best first.",
    inputSchema: {
      type: "object",
      properties: { query: name, limit: { type: "integer", minimum: 1, maximum: 50 } },
      required: ["query"],
      additionalProperties: false,
    },
    outputSchema: null,
    risk: "low",
    readOnly: true,
    bootstrap: true,
    source: { kind: "runtime" },
  },
  {
    name: "get_tool_schema",
    summary: "Shows all about one tool",
    description:
      "Shows what one tool does, what it takes and what it gives. Afterwards you can call it as you call the others.",
    inputSchema: { type: "object", properties: { name }, required: ["name"], additionalProperties: false },
    outputSchema: null,
    risk: "low",
    readOnly: true,
    bootstrap: true,
    source: { kind: "runtime" },
  },
];
