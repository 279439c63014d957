import type { Sql, Tx } from "../../db/database.ts";
import { mainThread } from "./open-run.ts";

/** How the origin of what people have said to a run begins. */
export const ofPeople = "command:";

/** The thread a run's own conversation goes on in: a context that is begun anew is another one. */
export async function currentThread(sql: Sql, runId: string): Promise<string> {
  const row = await sql.maybe<{ thread: string }>(
    `select thread from run_messages where run_id = $1 and origin = 'input' and (thread = $2 or thread like $2 || '~%')
      order by position desc limit 1`,
    [runId, mainThread],
  );
  return row?.thread ?? mainThread;
}

/**
 * What people said while the model was answering comes after that answer, which did not know of it. To be called when the
 * run's row is locked and the answer is stored.
 * @param seen position of the last message that the model was sent
 */
export async function moveBehindAnswer(tx: Tx, runId: string, thread: string, seen: string): Promise<void> {
  const late = await tx.rows<{ origin: string }>(
    `select origin from run_messages
      where run_id = $1 and thread = $2 and position > $3 and origin like $4 || '%' order by position`,
    [runId, thread, seen, ofPeople],
  );
  for (const { origin } of late)
    await tx.run("update run_messages set position = default where run_id = $1 and thread = $2 and origin = $3", [
      runId,
      thread,
      origin,
    ]);
}
