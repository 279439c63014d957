import {
  afterEvent,
  type BeingSaid,
  forgetHalfSaid,
  hearWords,
  silence,
  type Words,
} from "../../../core/being-said.ts";
import { type Entry, type SessionEvent, show } from "./entries.ts";
import { fieldsOf, word } from "./payload.ts";

/** Whose turn it is. */
type Turn =
  | { status: "starting" | "running" | "waiting" | "idle" }
  /** Nothing more will be said. */
  | { status: "ended"; reason: string };

/** A conversation as far as its events have come. */
export interface Conversation {
  entries: readonly Entry[];
  /** Every event up to this position is in it; 0 before the first. */
  upTo: number;
  /** Events that came before one that should have come first, by position. */
  early: ReadonlyMap<number, SessionEvent>;
  turn: Turn;
  /** What the agent is saying and has not said in full. */
  beingSaid: BeingSaid;
}

export const nothingSaid: Conversation = {
  entries: [],
  upTo: 0,
  early: new Map(),
  turn: { status: "starting" },
  beingSaid: silence,
};

/**
 * The conversation after events, in whatever order and however often they come: positions have no holes, so each is taken
 * once, in its turn. What comes early is kept until what is missing has come.
 */
export function take(before: Conversation, events: readonly SessionEvent[]): Conversation {
  const early = new Map(before.early);
  for (const event of events) if (event.position > before.upTo) early.set(event.position, event);
  const entries = [...before.entries];
  let { upTo, turn, beingSaid } = before;
  for (let next = early.get(upTo + 1); next !== undefined; next = early.get(upTo + 1)) {
    early.delete(next.position);
    upTo = next.position;
    turn = turnAfter(turn, next);
    beingSaid = afterEvent(beingSaid, next);
    show(entries, next);
  }
  return upTo === before.upTo && early.size === before.early.size ? before : { entries, upTo, early, turn, beingSaid };
}

/** The conversation after words as they come, in whatever order and however often: of messages that are not told in full. */
export function hear(before: Conversation, words: readonly Words[]): Conversation {
  const beingSaid = words.reduce(hearWords, before.beingSaid);
  return beingSaid === before.beingSaid ? before : { ...before, beingSaid };
}

/** The conversation after a connection broke: what was said by halves may never go on. */
export function loseWords(before: Conversation): Conversation {
  const beingSaid = forgetHalfSaid(before.beingSaid);
  return beingSaid === before.beingSaid ? before : { ...before, beingSaid };
}

/**
 * The conversation after a page of events as they are stored. What a page leaves out between its events is not there: it is
 * said, and gone over.
 */
export function takeStored(before: Conversation, events: readonly SessionEvent[]): Conversation {
  const last = Math.max(0, ...events.map(({ position }) => position));
  let after = take(before, events);
  for (;;) {
    const next = Math.min(...after.early.keys());
    const event = after.early.get(next);
    if (event === undefined || next > last) return after;
    after = take(goOver(after, event), []);
  }
}

function goOver(before: Conversation, { position, at }: SessionEvent): Conversation {
  const missing = position - before.upTo - 1;
  const text = missing === 1 ? "One event is missing here" : `${missing} events are missing here`;
  const line: Entry = { position: position - 1, at, kind: "line", tone: "warning", text };
  return { ...before, entries: [...before.entries, line], upTo: position - 1 };
}

function turnAfter(turn: Turn, { type, payload }: SessionEvent): Turn {
  // Words that were on their way when it ended do not open it again.
  if (turn.status === "ended") return turn;
  switch (type) {
    case "user.message":
    case "session.status_running":
    case "session.status_rescheduled":
      return { status: "running" };
    case "session.status_idle":
      return {
        status: word(fieldsOf(fieldsOf(payload)["stop_reason"])["type"]) === "requires_action" ? "waiting" : "idle",
      };
    case "powerloom.session_ended":
      return { status: "ended", reason: word(fieldsOf(payload)["reason"]) };
    default:
      return turn;
  }
}
