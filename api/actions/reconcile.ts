import { PowerloomError } from "../../core/errors.ts";
import type { AgentId, OrganisationId } from "../../core/ids.ts";
import { findAgent } from "../../db/queries/agents.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { lockAuthority } from "../../db/queries/authority.ts";
import { requirePermission } from "../../operations/execute.ts";
import { scopeOf } from "../../operations/lookups.ts";
import { nudgeAgent } from "../../temporal/nudge.ts";
import type { ActionContext } from "./perform.ts";

/** Has the reconciler look at an agent now. Asked again it looks again: what is as it should be stays as it is. */
export async function reconcileAgent({ deps, caller, input }: ActionContext): Promise<Record<string, unknown>> {
  const id = String(input["agent_id"]);
  const ou = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    await lockAuthority(tx, "share");
    const agent = await findAgent(tx, id, "lock");
    if (agent === undefined)
      throw new PowerloomError("not_found", `No agent found with id \`${id}\`.`, { pointer: "/agent_id" });
    const rule = await requirePermission(
      { tx, now: deps.now(), principalId: caller.principalId },
      "agent:update",
      scopeOf(agent),
    );
    // Until it has been looked at, it is not known to be as it should be: the sweep sees to it, should the nudge be lost.
    tx.send("update agents set sync_state = 'pending' where id = $1", [id]);
    appendAudit(tx, {
      id,
      sub: caller.principalId,
      act: null,
      delegated_from_session: null,
      operation: "agent.reconcile",
      ou: agent.ou_path,
      target: `agent:${id}`,
      digest: null,
      rule,
      approval_id: null,
      outcome: "accepted",
      detail: { sync_state: agent.sync_state, sync_attempts: agent.sync_attempts },
    });
    return agent.ou_path;
  });
  const ref = { organisationId: caller.organisationId as OrganisationId, agentId: id as AgentId };
  await deps.temporal.connection
    .withDeadline(Date.now() + 3_000, () => nudgeAgent(deps.temporal, ref, ou))
    .catch((error: unknown) => deps.log.warn({ err: error, agent: id }, "the reconciler could not be told yet"));
  return { id, status: "accepted" };
}
