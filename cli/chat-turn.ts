import { type StreamEvent, textOf } from "./render-event.ts";

/**
 * Whose turn it is in a conversation. After something was said, the agent has to be seen taking it up before its rest
 * counts: a rest that was on its way belongs to the turn before.
 */
export type Turn =
  | { status: "idle" }
  | { status: "said"; text: string }
  | { status: "running" }
  | { status: "ended"; reason: string };

const words = (text: string) => text.replace(/\s+/g, " ").trim();

/** The turn after an event. */
export function turnAfter(turn: Turn, event: StreamEvent): Turn {
  const payload = event.payload as { reason?: unknown; stop_reason?: { type?: unknown } } | null;
  switch (event.type) {
    case "powerloom.session_ended":
      return { status: "ended", reason: typeof payload?.reason === "string" ? payload.reason : "ended" };
    case "user.message": {
      const echo = words(textOf(event.payload));
      return turn.status === "said" && (echo === "" || echo === words(turn.text)) ? { status: "running" } : turn;
    }
    case "session.status_running":
      return turn.status === "idle" ? { status: "running" } : turn;
    case "session.status_idle":
      return turn.status === "running" && payload?.stop_reason?.type !== "requires_action" ? { status: "idle" } : turn;
    default:
      return turn;
  }
}
