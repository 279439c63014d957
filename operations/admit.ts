import { PowerloomError } from "../core/errors.ts";
import type { Tx } from "../db/database.ts";
import { lockAuthority } from "../db/queries/authority.ts";
import { findOperationRow, type NewIntent, type OperationRow, recordIntent } from "../db/queries/operations.ts";
import type { AnyOperation } from "./declaration.ts";
import { authoriseOperation } from "./execute.ts";
import { contextOf, type OperationDeps, refusable } from "./submit.ts";

/**
 * Stores an intent, or finds the one that has its key. What SQL evidence refuses at once is refused and audited here, so
 * that a storm of 403s costs no workflow (design §2).
 * @returns the intent, and the path of the OU it acts on when it has just been admitted
 */
export async function admitOperation(
  deps: OperationDeps,
  tx: Tx,
  operation: AnyOperation,
  intent: NewIntent,
): Promise<{ row: OperationRow; ou?: string }> {
  const [, admitted] = await Promise.all([lockAuthority(tx, "share"), recordIntent(tx, intent, deps.now())]);
  if (!admitted.fresh) {
    if (admitted.row.body_digest !== intent.bodyDigest)
      throw new PowerloomError(
        "idempotency_mismatch",
        "This Idempotency-Key was used for another request. Use a new key, or send the same body.",
        { request_id: admitted.row.id },
      );
    return { row: admitted.row };
  }
  const context = contextOf(deps, tx, admitted.row);
  const admission = await refusable(deps, tx, admitted.row, operation, async () => {
    const { preview } = await authoriseOperation(operation, admitted.row.input, context);
    return { row: admitted.row, ou: preview.ou.path };
  });
  if ("row" in admission) return admission;
  const row = await findOperationRow(tx, intent.id);
  if (row === undefined) throw new Error("the intent just stored cannot be read");
  return { row };
}
