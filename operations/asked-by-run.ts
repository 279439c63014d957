import { PowerloomError } from "../core/errors.ts";
import type { Tx } from "../db/database.ts";
import type { OperationRow } from "../db/queries/operations.ts";

/** Asked by a run that is over: its rights ended with it. */
export async function requireRunGoesOn(tx: Tx, row: OperationRow): Promise<void> {
  const run = await runBehind(tx, row);
  if (run !== undefined && (run.over || run.cancelled))
    throw new PowerloomError("run_over", "The run that asked for this is over.", { rule: "run-over" });
}

/**
 * What waits for approval outlives the run that asked for it, because people may take a day to decide and an agent does
 * not wait for them: what they approve is still what the person wanted done, and that person's rights are looked at again.
 * Not when somebody has cancelled the run, or one above it: they want nothing more of it.
 */
export async function requireRunNotCancelled(tx: Tx, row: OperationRow): Promise<void> {
  const run = await runBehind(tx, row);
  if (run?.cancelled === true)
    throw new PowerloomError("run_over", "The run that asked for this was cancelled.", { rule: "run-cancelled" });
}

/** How the run that asked stands, with those above it. Undefined: no run asked. */
async function runBehind(
  tx: Tx,
  { act }: Pick<OperationRow, "act">,
): Promise<{ over: boolean; cancelled: boolean } | undefined> {
  if (!act.startsWith("run:")) return undefined;
  return tx.maybe<{ over: boolean; cancelled: boolean }>(
    `with recursive above as (
       select id, parent_run_id, status, completed_at from agent_runs where id = $1
       union all select p.id, p.parent_run_id, p.status, p.completed_at from agent_runs p
         join above a on p.id = a.parent_run_id)
     select bool_or(completed_at is not null) as over,
            bool_or(status = 'cancelled'
              or exists (select from run_commands c where c.run_id = above.id and c.kind = 'cancel')) as cancelled
       from above`,
    [act.slice("run:".length)],
  );
}
