import { sha256Hex } from "../../core/canonical.ts";
import type { ModelAnswer } from "../../core/runs/facts.ts";
import type { Sql } from "../../db/database.ts";
import type { MessageRow } from "../../db/queries/runs.ts";
import { type ModelRequest, mostTokens } from "./request.ts";

/** The last answer of a thread: what it took, and what stood before what was said then. */
export interface LastAnswer {
  contextTokens: number;
  prefixDigest: string;
}

/** The last answer of a thread, when there is one. */
export async function lastAnswer(sql: Sql, runId: string, thread: string): Promise<LastAnswer | null> {
  const row = await sql.maybe<{ facts: ModelAnswer; prefix_digest: string | null }>(
    `select facts, prefix_digest from agent_steps where run_id = $1 and step_id = (
       select origin from run_messages where run_id = $1 and thread = $2 and role = 'assistant' order by position desc limit 1)`,
    [runId, thread],
  );
  if (row?.facts.kind !== "answered" || row.prefix_digest === null) return null;
  return { contextTokens: row.facts.contextTokens, prefixDigest: row.prefix_digest };
}

/**
 * How large a prompt is at most, by what is known: the provider has counted what the thread's last call sent and what it
 * answered, and no token of what was added since is shorter than a byte. That holds only while tools, instructions, format
 * and what was left out of old messages are the same as then, which the digest shows (ADR 15).
 */
export function promptSize(
  request: ModelRequest,
  said: readonly MessageRow[],
  last: LastAnswer | null,
): { prefixDigest: string; promptTokens: number | null } {
  const { system, tools, tool_choice, output_config } = request;
  const leftOut = said.filter(({ left_out }) => left_out).length;
  const prefixDigest = sha256Hex(JSON.stringify({ system, tools, tool_choice, output_config, leftOut }));
  if (last?.prefixDigest !== prefixDigest) return { prefixDigest, promptTokens: null };
  const added = said.slice(said.findLastIndex(({ role }) => role === "assistant") + 1);
  return {
    prefixDigest,
    promptTokens: added.reduce((sum, { content }) => sum + addedTokens(content), last.contextTokens),
  };
}

function addedTokens(content: readonly Record<string, unknown>[]): number {
  return content.reduce((sum, block) => {
    const inner = block["type"] === "tool_result" && Array.isArray(block["content"]) ? block["content"] : [block];
    return sum + inner.reduce((all: number, one: Record<string, unknown>) => all + textTokens(one), 0);
  }, 0);
}

const textTokens = (block: Record<string, unknown>): number =>
  block["type"] === "text" && typeof block["text"] === "string"
    ? mostTokens(block["text"])
    : mostTokens(JSON.stringify(block));
