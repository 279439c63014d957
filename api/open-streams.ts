import { PowerloomError } from "../core/errors.ts";
import type { Database } from "../db/database.ts";

/**
 * How many streams (server-sent events and WebSockets together) one person may hold open at one API process. Each looks at the
 * database now and then: without a bound one person's tabs and scripts, or one leaked token, would cost everybody.
 */
export const mostStreamsPerPerson = 64;

/** All streams of a process together look at the database two hundred times a second at most, whatever they are told meanwhile. */
const restOfEachMs = 5;

interface Held {
  byPerson: Map<string, number>;
  all: number;
}

/** By database, so by process. */
const openStreams = new WeakMap<Database, Held>();

/**
 * How long a stream rests before it looks again, when nothing wakes it: the usual time, or as much as there are streams.
 * Milliseconds.
 */
export function restMs({ db }: { db: Database }, usualMs: number): number {
  return Math.max(usualMs, (openStreams.get(db)?.all ?? 0) * restOfEachMs);
}

/**
 * Counts one more stream of a person.
 * @returns what to call when it closes; calling it again does nothing
 * @throws PowerloomError `too_many_requests`
 */
export function holdStream({ db }: { db: Database }, principalId: string): () => void {
  const open = openStreams.get(db) ?? { byPerson: new Map<string, number>(), all: 0 };
  openStreams.set(db, open);
  const { byPerson } = open;
  const held = byPerson.get(principalId) ?? 0;
  if (held >= mostStreamsPerPerson)
    throw new PowerloomError(
      "too_many_requests",
      `You hold ${held} streams open, and more are not allowed: close some.`,
    );
  byPerson.set(principalId, held + 1);
  open.all += 1;
  let released = false;
  return () => {
    if (released) return;
    released = true;
    open.all -= 1;
    const left = (byPerson.get(principalId) ?? 1) - 1;
    if (left > 0) byPerson.set(principalId, left);
    else byPerson.delete(principalId);
  };
}
