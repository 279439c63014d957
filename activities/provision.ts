import type { AgentId, OperationRef, SessionId } from "../core/ids.ts";
import { findOperationRow } from "../db/queries/operations.ts";
import { queueNotice } from "../db/queries/sessions.ts";
import { type OperationState, settleOperation, submitOperation } from "../operations/submit.ts";
import { nudgeSession } from "../temporal/nudge.ts";
import type { ActivityDeps } from "./deps.ts";

export type { OperationState } from "../operations/submit.ts";

export type ProvisionActivities = ReturnType<typeof createProvisionActivities>;

/** What `provision` may do. All of it is idempotent: rows say what has been done. */
export function createProvisionActivities(deps: ActivityDeps) {
  return {
    submitOperation: (ref: OperationRef) => answering(ref, () => submitOperation(deps, ref)),
    settleOperation: (ref: OperationRef) => answering(ref, () => settleOperation(deps, ref)),

    /** Tells the open session that asked what has become of its request. */
    async tellSession({ organisationId, operationId }: OperationRef): Promise<void> {
      const sessionId = await deps.db.inOrganisation(organisationId, async (tx) => {
        const row = await findOperationRow(tx, operationId);
        if (row === undefined || row.sid === "") return undefined;
        const facts =
          row.status === "applied"
            ? JSON.stringify({
                operation: row.name,
                target: { type: row.target_type, id: row.target_id },
                summary: row.diff?.summary,
              })
            : (row.reason ?? "");
        const text = `[powerloom] request ${row.id} ${row.status}: ${facts}`;
        const queued = await queueNotice(tx, row.sid, { id: deps.newId(), text, key: `decision:${row.id}` });
        return queued ? row.sid : undefined;
      });
      if (sessionId !== undefined)
        await nudgeSession(deps.temporal, { organisationId, sessionId: sessionId as SessionId });
    },
  };

  /**
   * Tells the waiting API and the reconciler, after the commit and without waiting: the answer is in the database already.
   * What is lost here is made up by the update's answer (ADR 10) and by the sweep (ADR 8).
   */
  async function answering(
    { organisationId, operationId }: OperationRef,
    work: () => Promise<OperationState>,
  ): Promise<OperationState> {
    deps.reconcileQueue.answering();
    const state = await work();
    deps.reconcileQueue.answering();
    // In a transaction of its own, after the commit: inside the other one it would serialise commits (design §9).
    deps.db.anywhere.run("select pg_notify('outcomes', $1)", [operationId]).catch(() => undefined);
    for (const id of state.reconcile) {
      const agent = { organisationId, agentId: id as AgentId };
      if (state.atOnce === true) deps.reconcileQueue.atOnce(agent, state.ou);
      else deps.reconcileQueue.want(agent, state.ou);
    }
    return state;
  }
}
