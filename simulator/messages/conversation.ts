import type { Block, MessageRequest } from "./request.ts";

export interface ToolResult {
  tool: string;
  input: Record<string, unknown>;
  text: string;
  isError: boolean;
}

/** A request as a mind reads it. */
export interface Conversation {
  /** From the first line of the system prompt; empty when it has none. */
  role: string;
  system: string;
  /** The text of the first user message. */
  opening: string;
  /** The JSON between `<input>` and `</input>`; undefined when there is none. */
  input: unknown;
  /** How many turns the assistant has had. */
  turn: number;
  /** All tool results so far, in order. */
  results: ToolResult[];
  /** Those of the last message. */
  latest: ToolResult[];
  /** The last text from the other side: of a tool result or of the user. */
  last: string;
  /** The tools that may be called; none when the request wants the final answer. */
  tools: ReadonlySet<string>;
  schema: Record<string, unknown> | undefined;
}

const header = /^[^\n]*\brole: ([\w-]+)/;

/** Reads a request. Nothing is remembered between requests: the conversation is all a mind knows. */
export function readConversation(request: MessageRequest): Conversation {
  const system = (request.system ?? []).map(({ text }) => text).join("\n");
  const opening = (request.messages[0]?.content ?? []).flatMap(plainText).join("\n");
  const calls = new Map<string, { name: string; input: Record<string, unknown> }>();
  const results: ToolResult[] = [];
  let latest: ToolResult[] = [];
  for (const { role, content } of request.messages) {
    if (role === "user") latest = [];
    for (const block of content) {
      if (block.type === "tool_use") calls.set(block.id, block);
      if (block.type !== "tool_result") continue;
      const call = calls.get(block.tool_use_id);
      const result = {
        tool: call?.name ?? "",
        input: call?.input ?? {},
        text: resultText(block),
        isError: block.is_error === true,
      };
      results.push(result);
      latest.push(result);
    }
  }
  const lastTexts = (request.messages.at(-1)?.content ?? []).flatMap((block) =>
    block.type === "tool_result" ? [resultText(block)] : plainText(block),
  );
  return {
    role: header.exec(system)?.[1] ?? "",
    system,
    opening,
    input: readInput(opening),
    turn: request.messages.filter(({ role }) => role === "assistant").length,
    results,
    latest,
    last: lastTexts.at(-1) ?? "",
    tools: new Set(request.tool_choice?.type === "none" ? [] : (request.tools ?? []).map(({ name }) => name)),
    schema: request.output_config?.format?.schema,
  };
}

function plainText(block: Block): string[] {
  return block.type === "text" ? [block.text] : [];
}

function resultText(block: Extract<Block, { type: "tool_result" }>): string {
  if (typeof block.content === "string") return block.content;
  return (block.content ?? []).map(({ text }) => text ?? "").join("");
}

function readInput(opening: string): unknown {
  const json = /<input>([\s\S]*)<\/input>/.exec(opening)?.[1];
  return json === undefined ? undefined : parseJson(json);
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value at a dotted path (`steps.0.tool`); the empty path is the value itself. */
export function atPath(value: unknown, path: string): unknown {
  let current = value;
  for (const key of path.split(".").filter((part) => part !== "")) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}
