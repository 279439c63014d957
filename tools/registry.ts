import { PowerloomError } from "../core/errors.ts";
import type { RiskLevel, ToolSpec } from "./spec.ts";

/** An entry of a list or of a search, in the shape that search_tools returns. */
interface ToolSummary {
  name: string;
  summary: string;
  risk: RiskLevel;
  read_only: boolean;
}

/** The least a planner must know to name a tool in a plan. */
interface MinimalTool {
  name: string;
  summary: string;
  required: readonly string[];
}

/** Everything about one tool, in the shape that get_tool_schema returns. */
interface FullTool {
  name: string;
  description: string;
  input_schema: ToolSpec["inputSchema"];
  output_schema: ToolSpec["outputSchema"];
  risk: RiskLevel;
  read_only: boolean;
}

export interface ToolRegistry {
  get(name: string): ToolSpec | undefined;
  has(name: string): boolean;
  bootstrap(): readonly ToolSpec[];
  summaries(): ToolSummary[];
  search(query: string, limit: number): ToolSummary[];
  minimal(name: string): MinimalTool | undefined;
  full(name: string): FullTool | undefined;
}

/**
 * The tools of one run, in the order given.
 * @throws PowerloomError `conflict` when two tools have one name: which of them is called must never depend on order
 */
export function createRegistry(specs: readonly ToolSpec[]): ToolRegistry {
  const byName = new Map<string, ToolSpec>();
  for (const spec of specs) {
    const earlier = byName.get(spec.name);
    if (earlier !== undefined)
      throw new PowerloomError(
        "conflict",
        `two tools are called ${spec.name} (${origin(earlier)} and ${origin(spec)}): rename one or leave one out`,
      );
    byName.set(spec.name, spec);
  }
  return {
    get: (name) => byName.get(name),
    has: (name) => byName.has(name),
    bootstrap: () => specs.filter((spec) => spec.bootstrap),
    summaries: () => specs.map(toSummary),
    search: (query, limit) => search(specs, query, limit),
    minimal: (name) => mapped(byName.get(name), toMinimal),
    full: (name) => mapped(byName.get(name), toFull),
  };
}

function search(specs: readonly ToolSpec[], query: string, limit: number): ToolSummary[] {
  const wanted = [...new Set(words(query))];
  return specs
    .map((spec) => ({ spec, score: score(spec, wanted) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.spec.name < b.spec.name ? -1 : 1))
    .slice(0, limit)
    .map(({ spec }) => toSummary(spec));
}

/** A word counts most in the name, less in the summary, least in the description; a beginning counts half a word. */
function score(spec: ToolSpec, wanted: readonly string[]): number {
  const fields: [number, string[]][] = [
    [12, words(spec.name)],
    [4, words(spec.summary)],
    [1, words(spec.description)],
  ];
  const exact = wanted.length > 0 && wanted.join("_") === words(spec.name).join("_") ? 100 : 0;
  return fields.reduce((sum, [weight, present]) => sum + weight * matches(wanted, present), exact);
}

function matches(wanted: readonly string[], present: readonly string[]): number {
  return wanted.reduce((sum, word) => {
    if (present.includes(word)) return sum + 1;
    return sum + (word.length > 2 && present.some((other) => other.startsWith(word)) ? 0.5 : 0);
  }, 0);
}

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

const origin = ({ source }: ToolSpec): string => (source.kind === "mcp" ? `MCP server ${source.server}` : source.kind);

const mapped = <A, B>(value: A | undefined, to: (value: A) => B): B | undefined =>
  value === undefined ? undefined : to(value);

const toSummary = ({ name, summary, risk, readOnly }: ToolSpec): ToolSummary => ({
  name,
  summary,
  risk,
  read_only: readOnly,
});

function toMinimal({ name, summary, inputSchema }: ToolSpec): MinimalTool {
  const required = inputSchema["required"];
  return { name, summary, required: Array.isArray(required) ? required.map(String) : [] };
}

const toFull = ({ name, description, inputSchema, outputSchema, risk, readOnly }: ToolSpec): FullTool => ({
  name,
  description,
  input_schema: inputSchema,
  output_schema: outputSchema,
  risk,
  read_only: readOnly,
});
