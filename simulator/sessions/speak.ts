import { setTimeout as sleep } from "node:timers/promises";
import { newId } from "../ids.ts";
import type { Step } from "../operator/step.ts";
import type { Store } from "../store/store.ts";
import type { Session } from "../store/wire.ts";
import type { Holds } from "./holds.ts";
import { toolUseEvent } from "./policy.ts";

export interface Tokens {
  input: number;
  output: number;
}

/** Emits what one model request came to: its span, the text (with previews on the way) and the tool call. */
export async function speak(
  store: Store,
  session: Session,
  step: Step,
  options: { contextLength: number; paceMs: number; holds: Holds },
): Promise<Tokens> {
  const { events } = store;
  const id = session.id;
  const start = events.emit(id, { type: "span.model_request_start" });
  if (step.say !== undefined) {
    const messageId = newId("sevt");
    const pieces = step.say.match(/^\s+|\S+\s*/g) ?? [];
    const middle = step.held === true ? Math.ceil(pieces.length / 2) : pieces.length;
    store.events.preview(id, { type: "event_start", event: { type: "agent.message", id: messageId } });
    await preview(store, id, messageId, pieces.slice(0, middle), options.paceMs);
    if (step.held === true) await options.holds.wait();
    await preview(store, id, messageId, pieces.slice(middle), options.paceMs);
    events.emit(id, { type: "agent.message", content: [{ type: "text", text: step.say }] }, messageId);
  }
  if (step.call !== undefined) events.emit(id, toolUseEvent(session.agent, step.call));
  const output = (step.say ?? "").length + (step.call === undefined ? 0 : JSON.stringify(step.call.input).length);
  // Four characters a token: invented, but growing with the work as the real numbers do.
  const tokens = { input: Math.ceil(options.contextLength / 4), output: Math.ceil(output / 4) };
  events.emit(id, {
    type: "span.model_request_end",
    model_request_start_id: start.id,
    is_error: false,
    model_usage: {
      input_tokens: tokens.input,
      output_tokens: tokens.output,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      speed: "standard",
    },
  });
  return tokens;
}

async function preview(store: Store, sessionId: string, id: string, pieces: string[], paceMs: number): Promise<void> {
  for (const piece of pieces) {
    if (paceMs > 0) await sleep(paceMs);
    store.events.preview(sessionId, {
      type: "event_delta",
      event_id: id,
      delta: { type: "content_delta", index: 0, content: { type: "text", text: piece } },
    });
  }
}
