import { PowerloomError } from "../core/errors.ts";
import type { Database } from "../db/database.ts";

/**
 * How many streams (server-sent events and WebSockets together) one person may hold open at one API process. Each looks at the
 * database about once a second: without a bound one person's tabs and scripts, or one leaked token, would cost everybody.
 */
export const mostStreamsPerPerson = 64;

/** By database, so by process. */
const openStreams = new WeakMap<Database, Map<string, number>>();

/**
 * Counts one more stream of a person.
 * @returns what to call when it closes; calling it again does nothing
 * @throws PowerloomError `too_many_requests`
 */
export function holdStream({ db }: { db: Database }, principalId: string): () => void {
  const open = openStreams.get(db) ?? new Map<string, number>();
  openStreams.set(db, open);
  const held = open.get(principalId) ?? 0;
  if (held >= mostStreamsPerPerson)
    throw new PowerloomError(
      "too_many_requests",
      `You hold ${held} streams open, and more are not allowed: close some.`,
    );
  open.set(principalId, held + 1);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    const left = (open.get(principalId) ?? 1) - 1;
    if (left > 0) open.set(principalId, left);
    else open.delete(principalId);
  };
}
