import { PowerloomError } from "../../core/errors.ts";
import {
  type ElevationRow,
  elevationSelect,
  elevationToView,
  findMode,
  modeToView,
  type OuBudgetRow,
  ouBudgetSelect,
  ouBudgetToView,
} from "../../db/queries/governance.ts";
import { findRootOu } from "../../db/queries/ous.ts";
import { requirePermission } from "../../operations/execute.ts";
import { Conditions, narrowToOu, type ReadContext, readPage, rootsOf } from "./scope.ts";

type Read = (context: ReadContext) => Promise<unknown>;

/** Reads of what bounds runs: the governance mode, budgets of OUs, elevations. */
export const runGovernanceReads: Record<string, Read> = {
  "governance.get_mode": async (context) => {
    await requireReader(context);
    return modeToView(await findMode(context.tx), context.now);
  },
  "budget.list": async (context) => {
    const conditions = new Conditions().add("o.ancestors && ?::uuid[]", await rootsOf(context, "budget:read"));
    await narrowToOu(context, conditions);
    return readPage<OuBudgetRow, unknown>(context, ouBudgetSelect, "b.ou_id", conditions, ouBudgetToView);
  },
  "elevation.list": async (context) => {
    const conditions = new Conditions();
    conditions.values.push(context.caller.principalId, await rootsOf(context, "run:read"));
    conditions.add("r.requester_id = $1 or o.ancestors && $2::uuid[]");
    conditions.add("e.revoked_at is null and e.expires_at > ?", context.now);
    await narrowToOu(context, conditions);
    return readPage<ElevationRow, unknown>(context, elevationSelect, "e.id", conditions, elevationToView, "desc");
  },
};

/** The mode is the whole organisation's: who may read it at any OU of it may read it. */
async function requireReader(context: ReadContext): Promise<void> {
  if ((await rootsOf(context, "governance:read")).length > 0) return;
  const root = await findRootOu(context.tx);
  if (root === undefined) throw new PowerloomError("not_found", "The organisation has no OU.");
  await requirePermission({ ...context, principalId: context.caller.principalId }, "governance:read", root);
}
