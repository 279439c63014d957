import type { SessionEvent } from "../store/wire.ts";
import type { NextStep, Step, ToolCall } from "./step.ts";

export interface ToolResult {
  text: string;
  isError: boolean;
}

type Act = { kind: "say"; text: string; held: boolean } | { kind: "call"; call: ToolCall } | { kind: "listen" };
type Reply = undefined | ToolResult | string;

/** Straight-line code that talks, calls tools and listens; replayed from the history at every step. */
export type Conversation<T = void> = Generator<Act, T, Reply>;

/** Says something to the person; held, it stops in the middle of the words until it is let go. */
export function* say(text: string, held = false): Conversation {
  yield { kind: "say", text, held };
}

/** Calls a tool and waits for its result. */
export function* call(toolCall: ToolCall): Conversation<ToolResult> {
  return (yield { kind: "call", call: toolCall }) as ToolResult;
}

/** Waits for the next message of the person; the turn ends when there is none. */
export function* listen(): Conversation<string> {
  return (yield { kind: "listen" }) as string;
}

type Called = { kind: "called"; result: ToolResult | undefined };
type Output = { kind: "said" } | Called;
/** One stretch between two ends of turn. */
interface Turn {
  messages: string[];
  outputs: Output[];
  ended: boolean;
}

/**
 * Runs the conversation against what already happened and returns what comes next. Nothing is remembered between two
 * steps, so a restart changes nothing. A turn that ended early (an interrupt) drops what the conversation was about
 * to do: it starts over with the next message.
 */
export function replay(history: SessionEvent[], start: () => Conversation): NextStep {
  let conversation = start();
  let act = conversation.next().value;
  for (const turn of turnsOf(history)) {
    const messages = [...turn.messages];
    const outputs = [...turn.outputs];
    let step: Step | undefined;
    while (act !== undefined) {
      if (act.kind === "listen") {
        const message = messages.shift();
        if (message === undefined || step !== undefined) break;
        act = conversation.next(message).value ?? undefined;
        continue;
      }
      if (step === undefined && outputs.length > 0) {
        // Tolerant on purpose: a history written by an older version of this code is followed as far as it fits.
        const wanted = act.kind === "say" ? "said" : "called";
        const found = outputs.findIndex(({ kind }) => kind === wanted);
        if (act.kind === "say" && outputs[0]?.kind !== "said") {
          act = conversation.next(undefined).value ?? undefined;
          continue;
        }
        const output = outputs[found];
        if (output !== undefined) {
          outputs.splice(0, found + 1);
          const reply = output.kind === "called" ? (output.result ?? interrupted) : undefined;
          act = conversation.next(reply).value ?? undefined;
          continue;
        }
        outputs.length = 0;
      }
      if (turn.ended) break;
      if (act.kind === "call") return { ...step, call: act.call };
      if (step !== undefined) return step;
      step = { say: act.text, ...(act.held ? { held: true } : {}) };
      act = conversation.next(undefined).value ?? undefined;
    }
    if (!turn.ended) return step ?? "done";
    if (act?.kind !== "listen") {
      conversation = start();
      act = conversation.next().value;
    }
  }
  return "done";
}

const interrupted: ToolResult = { text: "No result.", isError: true };

function turnsOf(history: SessionEvent[]): Turn[] {
  const turns: Turn[] = [];
  let turn: Turn = { messages: [], outputs: [], ended: false };
  const calls = new Map<string, Called>();
  const finish = (id: string, content: unknown, isError: boolean | null | undefined) => {
    const output = calls.get(id);
    if (output !== undefined) output.result = { text: textOf(content), isError: isError === true };
  };
  for (const event of history) {
    if (event.type === "user.message") {
      if (event.processed_at != null) turn.messages.push(textOf(event.content));
    } else if (event.type === "agent.message") {
      turn.outputs.push({ kind: "said" });
    } else if (isToolUse(event)) {
      const output: Called = { kind: "called", result: undefined };
      calls.set(event.id, output);
      turn.outputs.push(output);
    } else if (event.type === "agent.mcp_tool_result") {
      finish(event.mcp_tool_use_id, event.content, event.is_error);
    } else if (event.type === "agent.tool_result") {
      finish(event.tool_use_id, event.content, event.is_error);
    } else if (event.type === "user.custom_tool_result") {
      finish(event.custom_tool_use_id, event.content, event.is_error);
    } else if (event.type === "session.status_idle" && event.stop_reason.type !== "requires_action") {
      turns.push({ ...turn, ended: true });
      turn = { messages: [], outputs: [], ended: false };
    }
  }
  turns.push(turn);
  return turns;
}

function isToolUse({ type }: SessionEvent): boolean {
  return type === "agent.mcp_tool_use" || type === "agent.tool_use" || type === "agent.custom_tool_use";
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return "";
  return content
    .flatMap((block: { type?: string; text?: string }) => (block.type === "text" ? [block.text] : []))
    .join("\n");
}
