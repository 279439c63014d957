import { PowerloomError } from "../core/errors.ts";
import type { Tx } from "../db/database.ts";
import { lockAuthority } from "../db/queries/authority.ts";
import { findOperationRow, type NewIntent, type OperationRow, recordIntent } from "../db/queries/operations.ts";
import { findOu } from "../db/queries/ous.ts";
import type { AnyOperation } from "./declaration.ts";
import { authoriseOperation, requirePermission } from "./execute.ts";
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
    await requireStillAllowed(deps, tx, operation, admitted.row);
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

/**
 * An agent that asks again is told again only while the person may still do it: what it was told once is no right. Not asked of
 * runs, whose key is of one call, repeated only when its answer was lost; nor of the person, who may have given up the right by it.
 * @throws PowerloomError with the refusal, which says that the thing was done
 */
async function requireStillAllowed(
  deps: OperationDeps,
  tx: Tx,
  operation: AnyOperation,
  row: OperationRow,
): Promise<void> {
  if (row.act === "" || row.act.startsWith("run:") || row.ou_id === null) return;
  const ou = await findOu(tx, row.ou_id);
  if (ou === undefined) return;
  try {
    await requirePermission({ tx, principalId: row.sub, now: deps.now() }, operation.permission, ou);
  } catch (error) {
    if (!(error instanceof PowerloomError)) throw error;
    const state = row.status === "applied" ? "It was done before" : "It was asked for before";
    throw new PowerloomError(error.code, `${error.message} ${state}, as request \`${row.id}\`.`, error.extensions);
  }
}
