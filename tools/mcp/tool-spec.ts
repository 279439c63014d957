import { compiled } from "../json/compiled.ts";
import type { JsonSchema, RiskLevel, ToolSpec } from "../spec.ts";

/** A tool as its server lists it. Every word of it is the server's, and none of it is trusted. */
export interface ListedTool {
  name: string;
  title?: string | undefined;
  description?: string | undefined;
  inputSchema: JsonSchema;
  outputSchema?: JsonSchema | undefined;
  annotations?: { readOnlyHint?: boolean | undefined; destructiveHint?: boolean | undefined } | undefined;
}

const longestOwnName = 256;
const longestDescription = 4_000;
const longestSummary = 200;
/** Bytes of JSON. */
const longestSchema = 64 * 1024;

/**
 * What a run makes of a listed tool, or why it leaves it out. Never a read and never of low risk, whatever the server says of
 * itself: its hints are no evidence (MCP, tool annotations). A tool that says it destroys nothing is of medium risk, every
 * other one of high risk; on the risk alone depends how long a lease lasts, not whether people are asked.
 * @param name in runs
 */
export function specOf(
  server: { id: string; name: string },
  tool: ListedTool,
  name: string,
): { ok: true; spec: ToolSpec } | { ok: false; reason: string } {
  const unusable = oddName(tool.name) ?? whyUnusable(tool.inputSchema);
  if (unusable !== undefined) return { ok: false, reason: unusable };
  const { outputSchema, annotations } = tool;
  // Where a tool says nothing, it may destroy (MCP); one that only reads has nothing to say about it.
  const destroys = annotations?.destructiveHint ?? annotations?.readOnlyHint !== true;
  const risk: RiskLevel = destroys ? "high" : "medium";
  const words = plain(tool.description ?? tool.title ?? "");
  const description = words.trim() === "" ? "Its server says nothing about it." : cut(words, longestDescription);
  return {
    ok: true,
    spec: {
      name,
      summary:
        cut(
          plain(tool.title ?? words)
            .trim()
            .split("\n")[0] ?? "",
          longestSummary,
        ) || tool.name.slice(0, 64),
      description: `A tool of the MCP server ${server.name}. What the server says about it:\n${description}`,
      inputSchema: tool.inputSchema,
      outputSchema: outputSchema !== undefined && compiles(outputSchema) ? outputSchema : null,
      risk,
      readOnly: false,
      bootstrap: false,
      source: { kind: "mcp", server: server.id, tool: tool.name },
    },
  };
}

function oddName(name: string): string | undefined {
  if (name.length > longestOwnName) return `its name has more than ${longestOwnName} characters`;
  return /\p{Cc}/u.test(name) || !name.isWellFormed() ? "its name has control characters" : undefined;
}

/** Models are offered objects with plain property names, and no choice between several at the root. */
function whyUnusable(schema: JsonSchema): string | undefined {
  if (bytesOf(schema) > longestSchema) return `its input schema has more than ${longestSchema} bytes`;
  if (schema["type"] !== "object") return "its input schema does not say that it takes an object";
  const choice = ["oneOf", "anyOf", "allOf"].find((keyword) => schema[keyword] !== undefined);
  if (choice !== undefined) return `its input schema has ${choice} at its root, which models cannot be offered`;
  const odd = Object.keys(schema["properties"] ?? {}).find((key) => !/^[a-zA-Z0-9_.-]{1,64}$/.test(key));
  if (odd !== undefined) return `models cannot be offered its property ${JSON.stringify(odd.slice(0, 64))}`;
  const ready = compiled(schema);
  return ready.ok ? undefined : ready.fault.message;
}

const bytesOf = (schema: JsonSchema): number => Buffer.byteLength(JSON.stringify(schema));

const compiles = (schema: JsonSchema): boolean => bytesOf(schema) <= longestSchema && compiled(schema).ok;

/** Without characters that make a text look like another one: control, and those that turn its direction. */
const plain = (text: string): string => text.replaceAll(/[^\P{Cc}\t\n]|[\u202a-\u202e\u2066-\u2069]/gu, "");

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
