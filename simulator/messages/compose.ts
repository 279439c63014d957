import { createHash } from "node:crypto";
import { ApiError, invalid } from "../http/errors.ts";
import { newId } from "../ids.ts";
import type { CacheUsage } from "./prompt-cache.ts";
import type { Reply } from "./reply.ts";
import type { MessageRequest } from "./request.ts";
import { schemaFault } from "./schema.ts";
import { charactersFor, textTokens } from "./tokens.ts";

export type ContentBlock =
  | { type: "thinking"; thinking: string; signature: string }
  | { type: "text"; text: string; citations: null }
  | { type: "tool_use"; id: string; name: string; input: Record<string, unknown>; caller: { type: "direct" } };

type StopReason = NonNullable<Reply["stop_reason"]>;

export interface Message {
  id: string;
  type: "message";
  role: "assistant";
  model: string;
  content: ContentBlock[];
  stop_reason: StopReason;
  stop_sequence: string | null;
  stop_details: { type: "refusal"; category: null; explanation: string | null } | null;
  container: null;
  diagnostics: null;
  usage: CacheUsage & {
    output_tokens: number;
    output_tokens_details: { thinking_tokens: number };
    server_tool_use: null;
    service_tier: "standard";
    inference_geo: null;
    speed: "standard";
  };
}

/** Turns a reply into the message that answers the request: blocks, limits, stop reason, usage. */
export function composeMessage(request: MessageRequest, reply: Reply, input: CacheUsage): Message {
  const whole = contentOf(request, reply);
  const stopped = atStopSequence(whole, request);
  const cut = withinLimit(stopped.content, request.max_tokens);
  const stop_reason = reply.stop_reason ?? naturalStop(cut, stopped.sequence);
  const given = reply.usage ?? {};
  const created = given.cache_creation_input_tokens;
  return {
    id: newId("msg"),
    type: "message",
    role: "assistant",
    model: request.model,
    content: cut.content,
    stop_reason,
    stop_sequence: stop_reason === "stop_sequence" ? (stopped.sequence ?? null) : null,
    stop_details: stop_reason === "refusal" ? { type: "refusal", category: null, explanation: null } : null,
    container: null,
    diagnostics: null,
    usage: {
      ...input,
      input_tokens: given.input_tokens ?? input.input_tokens,
      cache_read_input_tokens: given.cache_read_input_tokens ?? input.cache_read_input_tokens,
      output_tokens: given.output_tokens ?? cut.tokens,
      ...(created === undefined
        ? {}
        : {
            cache_creation_input_tokens: created,
            cache_creation: { ephemeral_5m_input_tokens: created, ephemeral_1h_input_tokens: 0 },
          }),
      output_tokens_details: { thinking_tokens: cut.thinkingTokens },
      server_tool_use: null,
      service_tier: "standard",
      inference_geo: null,
      speed: "standard",
    },
  };
}

function contentOf(request: MessageRequest, reply: Reply): ContentBlock[] {
  const content: ContentBlock[] = [];
  if (reply.thinking !== undefined) {
    const signature = createHash("sha256").update(reply.thinking).digest("base64");
    content.push({ type: "thinking", thinking: reply.thinking, signature });
  }
  const text = reply.text === "" ? undefined : reply.text;
  if (text !== undefined) content.push({ type: "text", text, citations: null });
  if (reply.output !== undefined) content.push({ type: "text", text: JSON.stringify(reply.output), citations: null });
  const choice = request.tool_choice;
  const calls = reply.tool_uses ?? [];
  if (calls.length > 0 && choice?.type === "none") throw new ApiError(500, "the mind calls tools though none may be");
  const single = choice !== undefined && choice.type !== "none" && choice.disable_parallel_tool_use === true;
  for (const { name, input } of single ? calls.slice(0, 1) : calls) {
    if (input !== undefined && (typeof input !== "object" || input === null || Array.isArray(input))) {
      throw invalid(`the mind calls ${name} with an input that is not an object`);
    }
    const fields = (input ?? {}) as Record<string, unknown>;
    content.push({ type: "tool_use", id: newId("toolu"), name, input: fields, caller: { type: "direct" } });
  }
  checkFormat(request, reply, text);
  return content;
}

// With a requested format the final text is JSON that the schema allows; only a refusal or a cut may break it.
function checkFormat(request: MessageRequest, reply: Reply, text: string | undefined): void {
  const schema = request.output_config?.format?.schema;
  const final = (reply.tool_uses ?? []).length === 0;
  const mayBreak = reply.raw === true || (reply.stop_reason !== undefined && reply.stop_reason !== "end_turn");
  if (schema === undefined || !final || mayBreak) return;
  if (reply.output !== undefined && text !== undefined) {
    throw new ApiError(500, "the mind gives text beside its structured output");
  }
  const fault = schemaFault(schema, reply.output === undefined ? (text ?? "") : JSON.stringify(reply.output));
  if (fault !== undefined) throw new ApiError(500, `the mind's answer does not fit the requested schema: ${fault}`);
}

function atStopSequence(content: ContentBlock[], { stop_sequences }: MessageRequest) {
  for (const [index, block] of content.entries()) {
    if (block.type !== "text") continue;
    const found = stop_sequences
      .map((sequence) => ({ sequence, at: block.text.indexOf(sequence) }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at)[0];
    if (found === undefined) continue;
    const text = block.text.slice(0, found.at);
    const before = content.slice(0, index);
    return { content: text === "" ? before : [...before, { ...block, text }], sequence: found.sequence };
  }
  return { content, sequence: undefined };
}

interface Cut {
  content: ContentBlock[];
  tokens: number;
  thinkingTokens: number;
  whole: boolean;
}

/** Keeps what fits: text and thinking are cut, a tool call fits or is left out. */
function withinLimit(content: ContentBlock[], limit: number): Cut {
  const cut: Cut = { content: [], tokens: 0, thinkingTokens: 0, whole: true };
  for (const block of content) {
    const left = limit - cut.tokens;
    const needed = textTokens(written(block));
    if (needed > left) cut.whole = false;
    const kept = needed <= left ? block : shortened(block, charactersFor(left));
    if (kept !== undefined) {
      const tokens = textTokens(written(kept));
      cut.content.push(kept);
      cut.tokens += tokens;
      if (kept.type === "thinking") cut.thinkingTokens += tokens;
    }
    if (!cut.whole) break;
  }
  return { ...cut, tokens: Math.max(1, cut.tokens) };
}

function written(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "thinking":
      return block.thinking;
    case "tool_use":
      return block.name + JSON.stringify(block.input);
  }
}

function shortened(block: ContentBlock, characters: number): ContentBlock | undefined {
  if (characters === 0 || block.type === "tool_use") return undefined;
  return block.type === "text"
    ? { ...block, text: block.text.slice(0, characters) }
    : { ...block, thinking: block.thinking.slice(0, characters) };
}

function naturalStop(cut: Cut, sequence: string | undefined): StopReason {
  if (!cut.whole) return "max_tokens";
  if (sequence !== undefined) return "stop_sequence";
  return cut.content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
}
