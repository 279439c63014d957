import type { AgentId, OperationRef, SessionId } from "../core/ids.ts";
import { findOperationRow } from "../db/queries/operations.ts";
import { queueNotice } from "../db/queries/sessions.ts";
import { type OperationState, settleOperation, submitOperation } from "../operations/submit.ts";
import { nudgeAgent, nudgeSession } from "../temporal/nudge.ts";
import type { ActivityDeps } from "./deps.ts";

export type { OperationState } from "../operations/submit.ts";

export type ProvisionActivities = ReturnType<typeof createProvisionActivities>;

/** What `provision` may do. All of it is idempotent: rows say what has been done. */
export function createProvisionActivities(deps: ActivityDeps) {
  return {
    submitOperation: async (ref: OperationRef) => nudgeReconciler(ref, await submitOperation(deps, ref)),
    settleOperation: async (ref: OperationRef) => nudgeReconciler(ref, await settleOperation(deps, ref)),

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
   * Tells the reconciler of agents that changed, after the commit and without waiting for it: the answer is out of the
   * database already, and a nudge that is lost is made up by the sweep (ADR 8).
   */
  function nudgeReconciler({ organisationId }: OperationRef, state: OperationState): OperationState {
    for (const agentId of state.reconcile)
      nudgeAgent(deps.temporal, { organisationId, agentId: agentId as AgentId }).catch((error: unknown) =>
        deps.log.warn({ err: error, agent: agentId }, "the reconciler could not be told yet"),
      );
    return state;
  }
}
