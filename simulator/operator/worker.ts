import { type Conversation, call, listen, say, type ToolResult } from "./replay.ts";
import type { Tool } from "./step.ts";
import { code, enumerate, meaningfulStems } from "./words.ts";

const mostCalls = 4;
const readLike = /^(?:list|get|search|find|read|fetch|query|lookup|describe|show|status|count|ping)/i;

/** The conversation of any other agent: it calls the tools its prompt speaks of, and reports what they said. */
export function* working(tools: Tool[]): Conversation {
  while (true) {
    const prompt = yield* listen();
    if (tools.length === 0) {
      yield* say(
        "I have no tools to work with. To do this I would need an MCP server attached to me, with a working credential.",
      );
      continue;
    }
    const chosen = chooseTools(prompt, tools);
    if (chosen.length === 0) {
      yield* say(`None of my tools fits this. I have ${enumerate(tools.map(({ name }) => code(name)))}.`);
      continue;
    }
    yield* say(`I'll use ${enumerate(chosen.map(({ name, server }) => `${code(name)} of ${code(server)}`))}.`);
    const reports: string[] = [];
    for (const tool of chosen) {
      const result = yield* call({ server: tool.server, tool: tool.name, input: fillInput(tool.inputSchema, prompt) });
      reports.push(summarise(tool, result));
    }
    yield* say(["Here is what I found:", ...reports].join("\n"));
  }
}

/** Tools whose name or description shares words with the prompt; else one that reads, per server. */
function chooseTools(prompt: string, tools: Tool[]): Tool[] {
  const wanted = meaningfulStems(prompt);
  const scored = tools.map((tool) => {
    const count = (text: string) =>
      [...meaningfulStems(text.replace(/_/g, " "))].filter((one) => wanted.has(one)).length;
    const named = new RegExp(`\\b${tool.name.replace(/[^\w-]/g, ".")}\\b`).test(prompt) ? 10 : 0;
    return { tool, score: named + 2 * count(tool.name) + count(tool.description) };
  });
  const matching = scored.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
  const best = matching.filter(({ score }) => score * 2 >= (matching[0]?.score ?? 0));
  if (best.length > 0) return best.slice(0, mostCalls).map(({ tool }) => tool);
  const servers = [...new Set(tools.map(({ server }) => server))];
  return servers.flatMap((server) => {
    const own = tools.filter((tool) => tool.server === server);
    const easiest = own
      .filter(({ name }) => readLike.test(name))
      .sort((a, b) => required(a).length - required(b).length);
    return easiest.slice(0, 1);
  });
}

interface Schema {
  type?: string | string[];
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

/** Fills what a tool requires from the prompt, the same way every time. */
function fillInput(schema: Schema, prompt: string): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const name of schema.required ?? []) input[name] = valueFor(name, schema.properties?.[name] ?? {}, prompt);
  return input;
}

function valueFor(name: string, schema: Schema, prompt: string): unknown {
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined && schema.enum.length > 0) {
    return schema.enum.find((value) => prompt.toLowerCase().includes(String(value).toLowerCase())) ?? schema.enum[0];
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type ?? "string") {
    case "integer":
    case "number": {
      const stated = /(?<![\w.-])\d+(?![\w.-])/.exec(prompt)?.[0];
      return stated === undefined ? Math.max(1, schema.minimum ?? 1) : Number(stated);
    }
    case "boolean":
      return false;
    case "array":
      return [valueFor(name, schema.items ?? {}, prompt)];
    case "object":
      return fillInput(schema, prompt);
    default:
      return textFor(name, prompt);
  }
}

function textFor(name: string, prompt: string): string {
  const email = /[\w.+-]+@[\w-]+\.[\w.-]*\w/.exec(prompt)?.[0];
  if (/mail|recipient|^to$/i.test(name) && email !== undefined) return email;
  const url = /https?:\/\/[^\s"')]+/.exec(prompt)?.[0];
  if (/url|link|uri/i.test(name) && url !== undefined) return url;
  const quoted = /["“«]([^"”»]+)["”»]/.exec(prompt)?.[1];
  return (quoted ?? prompt.replace(/\s+/g, " ").trim()).slice(0, 500);
}

function required(tool: Tool): string[] {
  return (tool.inputSchema as Schema).required ?? [];
}

function summarise({ name }: Tool, { text, isError }: ToolResult): string {
  const short = text.length > 600 ? `${text.slice(0, 600)}…` : text;
  return isError ? `- ${code(name)} failed: ${short}` : `- ${code(name)}: ${short}`;
}
