import { condition } from "@temporalio/workflow";

/** Counts the signals that came since it was last asked. */
export interface Attention {
  wanted: boolean;
}

/**
 * The approval gate: waits until somebody says "look again" or the request's time runs out. Holds one durable timer and no
 * polling (10,000 waiters polling each minute would be 167 tasks/s). What woke it proves nothing: the caller reads the row.
 * @param expiresAt epoch milliseconds
 */
export async function awaitDecision(attention: Attention, expiresAt: number): Promise<void> {
  // Clocks of the database's writer and of this worker may differ a little: never spin on a deadline just passed.
  const remaining = Math.max(1_000, expiresAt - Date.now());
  await condition(() => attention.wanted, remaining);
  attention.wanted = false;
}
