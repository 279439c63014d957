import { type CapabilityFault, open } from "../core/lease/capability.ts";
import { capabilityKeys } from "../core/lease/capability-keys.ts";
import type { Sql } from "../db/database.ts";
import type { ApiDeps } from "./deps.ts";

/** One tool call of a run, as the database knows it now: whose it is, and through whom. */
export interface RunCall {
  organisationId: string;
  runId: string;
  rootRunId: string;
  traceId: string;
  agentId: string;
  stepId: string;
  leaseId: string;
  tool: string;
  /** The person the run acts for, and their address. */
  sub: string;
  email: string;
  /** The session the run was started through; empty when the person, or a client of theirs, started it. */
  sid: string;
  /** Whether that session is still open; true when there is none. */
  sessionOpen: boolean;
}

export type OpenedRunCapability =
  | { ok: true; call: RunCall /** Epoch milliseconds. */; expiresAt: number }
  | { ok: false; reason: CapabilityFault | "not_in_force" };

/**
 * Opens a capability token and holds it against the database: a token proves that a call was let through once, and only
 * the rows say that it still is.
 */
export async function openRunCapability(
  deps: Pick<ApiDeps, "db" | "now" | "config">,
  token: string,
): Promise<OpenedRunCapability> {
  const now = deps.now().getTime();
  const opened = open(token, now, capabilityKeys(deps.config.sealingKey, now));
  if (!opened.ok) return { ok: false, reason: opened.reason };
  const { organisationId, ...called } = opened.binding;
  const call = await deps.db.readOrganisation(organisationId, (sql) =>
    findRunCall(sql, { organisationId, tool: called.toolId, ...called }),
  );
  return call === undefined ? { ok: false, reason: "not_in_force" } : { ok: true, call, expiresAt: opened.expiresAt };
}

/**
 * The call a run is making now: its step runs that tool and has used that lease, the lease is not revoked, neither the run
 * nor one above it is over or told to end, and the person is active. Undefined when any of this does not hold (any more).
 * A lease that has only run out since still covers the call it was used for.
 */
export async function findRunCall(
  sql: Sql,
  called: { organisationId: string; runId: string; stepId: string; leaseId: string; tool: string },
): Promise<RunCall | undefined> {
  const row = await sql.maybe<{
    root_run_id: string;
    trace_id: string;
    agent_id: string;
    requester_id: string;
    email: string;
    sid: string;
    session_open: boolean;
  }>(
    `with recursive above as (
       select id, parent_run_id, completed_at from agent_runs where id = $1
       union all select p.id, p.parent_run_id, p.completed_at from agent_runs p join above a on p.id = a.parent_run_id)
     select r.root_run_id, r.trace_id, r.agent_id, r.requester_id, u.email, r.sid,
            r.sid = '' or exists (select from sessions where id::text = r.sid and ended_at is null) as session_open
       from agent_runs r
       join users u on u.id = r.requester_id and u.status = 'active'
       join leases l on l.run_id = r.id and l.lease_id = $2 and l.tool_id = $3 and l.revoked_at is null
       join lease_uses used on used.run_id = r.id and used.step_id = $4 and used.lease_id = l.lease_id
       join agent_steps s on s.run_id = r.id and s.step_id = $4 and s.tool_name = $3 and s.status = 'running'
      where r.id = $1
        and not exists (select from above where completed_at is not null)
        and not exists (select from run_commands c join above a on a.id = c.run_id where c.kind = 'cancel')`,
    [called.runId, called.leaseId, called.tool, called.stepId],
  );
  if (row === undefined) return undefined;
  const { organisationId, runId, stepId, leaseId, tool } = called;
  return {
    organisationId,
    runId,
    rootRunId: row.root_run_id,
    traceId: row.trace_id,
    agentId: row.agent_id,
    stepId,
    leaseId,
    tool,
    sub: row.requester_id,
    email: row.email,
    sid: row.sid,
    sessionOpen: row.session_open,
  };
}
