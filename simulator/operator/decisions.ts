import type { Context } from "./context.ts";
import { type Conversation, say } from "./replay.ts";
import { createKey, wire } from "./wiring.ts";
import { code } from "./words.ts";

export interface Decision {
  requestId: string;
  outcome: "applied" | "denied" | "expired" | "cancelled" | "refused";
  detail: string;
  operation: string | undefined;
  targetId: string | undefined;
}

/** Reads the control plane's word on a request: `[powerloom] request req_… applied: {…}` and its kin. */
export function readDecision(message: string): Decision | undefined {
  const match =
    /^\s*\[powerloom\]\s+request\s+(\S+)\s+(applied|denied|expired|cancelled|refused)\s*:?\s*([\s\S]*)$/i.exec(message);
  const [, requestId, outcome, detail] = match ?? [];
  if (requestId === undefined || outcome === undefined) return undefined;
  const applied = outcome.toLowerCase() === "applied" ? readApplied(detail ?? "") : undefined;
  return {
    requestId: requestId.replace(/[`:,]/g, ""),
    outcome: outcome.toLowerCase() as Decision["outcome"],
    detail: (detail ?? "").trim(),
    operation: applied?.operation,
    targetId: applied?.target?.id,
  };
}

/** Acts on a decision: finishes the wiring that waited for it, or says what came of it. */
export function* settle(context: Context, decision: Decision): Conversation {
  const { requestId, outcome, detail, operation, targetId } = decision;
  const waiting = context.memory.waiting.get(requestId);
  context.memory.waiting.delete(requestId);
  if (outcome === "applied") {
    if (waiting === undefined) {
      return yield* say(`Request ${code(requestId)} was applied${operation === undefined ? "" : ` (${operation})`}.`);
    }
    const { wiring, key } = waiting;
    wiring.pending.delete(key);
    if (key === createKey) wiring.agentId = targetId ?? wiring.agentId;
    if (wiring.agentId === undefined) {
      return yield* say(
        `Request ${code(requestId)} was applied, but it names no agent, so I cannot finish the wiring.`,
      );
    }
    yield* say(`Request ${code(requestId)} was approved and applied. I'll finish the wiring.`);
    return yield* wire(context, wiring);
  }
  if (waiting !== undefined) {
    waiting.wiring.pending.delete(waiting.key);
    waiting.wiring.refused.add(waiting.key);
  }
  const what = waiting === undefined ? "" : ` ${consequence(waiting.key)}`;
  const reason = detail === "" ? "" : `: ${detail.replace(/\.$/, "")}`;
  yield* say(`Request ${code(requestId)} ${outcome === "expired" ? "has" : "was"} ${outcome}${reason}.${what}`);
}

function consequence(key: string): string {
  return key === createKey ? "The agent was not created, and nothing else was done for it." : `Not done: ${key}.`;
}

function readApplied(detail: string): { operation?: string; target?: { id?: string } } | undefined {
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
