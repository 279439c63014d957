/** Words of a message as they come. */
export interface Words {
  /** Of the event that the message will be. */
  eventId: string;
  /** Where in the message's text they begin, in UTF-16 units. */
  at: number;
  text: string;
}

type Piece = Pick<Words, "at" | "text">;

/** What has come of a message: pieces in order, with holes between them. */
export interface MessageBeingSaid {
  eventId: string;
  pieces: readonly Piece[];
}

/** What is being said in a session, and not told in full. */
export interface BeingSaid {
  messages: readonly MessageBeingSaid[];
  /** Ids of the latest messages that are told in full, or never will be: words of them that come late count for nothing. */
  over: readonly string[];
}

export const silence: BeingSaid = { messages: [], over: [] };

/** So many ids are remembered: words come at most a few seconds after their message. */
const mostOver = 100;

/** After more words, in whatever order and however often they come. */
export function hearWords(before: BeingSaid, { eventId, at, text }: Words): BeingSaid {
  if (text === "" || before.over.includes(eventId)) return before;
  const known = before.messages.find((message) => message.eventId === eventId);
  if (known?.pieces.some((piece) => piece.at <= at && at + text.length <= endOf(piece))) return before;
  const message = { eventId, pieces: joined([...(known?.pieces ?? []), { at, text }]) };
  const messages =
    known === undefined
      ? [...before.messages, message]
      : before.messages.map((other) => (other === known ? message : other));
  return { ...before, messages };
}

/**
 * After an event of the session. A message in full takes the place of its words; at the end of a model's request, and when the
 * session rests, nothing that was begun will go on.
 */
export function afterEvent(before: BeingSaid, { type, payload }: { type: string; payload: unknown }): BeingSaid {
  switch (type) {
    case "agent.message": {
      const id = (payload as { id?: unknown } | null)?.id;
      return typeof id === "string" ? without(before, [id]) : before;
    }
    case "span.model_request_end":
    case "session.status_idle":
    case "session.status_terminated":
    case "powerloom.session_ended":
      return without(
        before,
        before.messages.map(({ eventId }) => eventId),
      );
    default:
      return before;
  }
}

/** Without what was said by halves. What may still come of it begins in the middle. */
export function forgetHalfSaid(before: BeingSaid): BeingSaid {
  return before.messages.length === 0 ? before : { ...before, messages: [] };
}

/** The words that are known, with an ellipsis for each hole. */
export function textSoFar({ pieces }: MessageBeingSaid): string {
  return pieces.map(({ at, text }) => (at === 0 ? text : `…${text}`)).join("");
}

function without(before: BeingSaid, ids: readonly string[]): BeingSaid {
  if (ids.length === 0) return before;
  return {
    messages: before.messages.filter(({ eventId }) => !ids.includes(eventId)),
    over: [...before.over, ...ids].slice(-mostOver),
  };
}

function endOf({ at, text }: Piece): number {
  return at + text.length;
}

/** Pieces in order, those that meet made one. */
function joined(pieces: readonly Piece[]): Piece[] {
  const whole: Piece[] = [];
  for (const piece of pieces.toSorted((a, b) => a.at - b.at)) {
    const last = whole.at(-1);
    if (last === undefined || piece.at > endOf(last)) whole.push(piece);
    else whole[whole.length - 1] = { at: last.at, text: last.text + piece.text.slice(endOf(last) - piece.at) };
  }
  return whole;
}
