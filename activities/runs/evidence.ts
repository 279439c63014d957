import { decide } from "../../core/authority/decide.ts";
import { type LeaseValidity, validate } from "../../core/lease/lease.ts";
import type { ProposedCall } from "../../core/runs/facts.ts";
import type { Mode, Risk } from "../../core/runs/terms.ts";
import type { Sql } from "../../db/database.ts";
import { gatherEvidence } from "../../db/queries/authority.ts";
import type { RunRow } from "../../db/queries/runs.ts";

export type Evidence = Pick<ProposedCall, "rights" | "mode" | "lease" | "elevation">;

/**
 * What the gates need to know of one tool call (design §9), read together in one round trip: rights of the person the run
 * acts for, the organisation's mode, the tool's lease, and whether somebody has elevated just this.
 */
export async function gatherToolEvidence(
  sql: Sql,
  run: RunRow,
  call: { tool: string; contextHash: string },
  now: Date,
): Promise<Evidence> {
  const [authority, mode, lease, elevation] = await Promise.all([
    gatherEvidence(sql, run.requester_id, "run:create", { path: run.ou_path, ancestors: run.ou_ancestors }, now),
    readMode(sql),
    sql.maybe<LeaseRow>(
      `select lease_id, risk, mode_at_issue, granted_at, calls_remaining, expires_at, revoked_at from leases
        where run_id = $1 and tool_id = $2
        order by (revoked_at is null and expires_at > $3 and calls_remaining > 0) desc, granted_at desc limit 1`,
      [run.id, call.tool, now],
    ),
    sql.maybe<{ id: string; expires_at: Date }>(
      `select id, expires_at from elevations
        where root_run_id = $1 and agent_id = $2 and tool_name = $3 and context_hash = $4 and expires_at > $5 and revoked_at is null
        order by expires_at desc limit 1`,
      [run.root_run_id, run.agent_id, call.tool, call.contextHash, now],
    ),
  ]);
  const rights = decide(authority);
  return {
    // In our words: what `decide` says names people, and this goes into histories.
    rights: {
      allowed: rights.effect === "allow",
      rule: rights.rule,
      reason: rights.effect === "allow" ? "" : "the person this run acts for may not run agents there (any more)",
    },
    mode,
    lease: lease === undefined ? null : leaseValidity(run.id, call.tool, lease, now),
    elevation: elevation === undefined ? null : { id: elevation.id, expiresAt: elevation.expires_at.getTime() },
  };
}

interface LeaseRow {
  lease_id: string;
  risk: Risk;
  mode_at_issue: Mode;
  granted_at: Date;
  calls_remaining: number;
  expires_at: Date;
  revoked_at: Date | null;
}

function leaseValidity(runId: string, toolId: string, row: LeaseRow, now: Date): LeaseValidity {
  return validate(
    {
      id: row.lease_id,
      runId,
      toolId,
      risk: row.risk,
      mode: row.mode_at_issue,
      grantedAt: row.granted_at.getTime(),
      expiresAt: row.expires_at.getTime(),
      callsRemaining: row.calls_remaining,
      revokedAt: row.revoked_at?.getTime() ?? null,
    },
    { runId, toolId, now: now.getTime() },
  );
}

/** The organisation's governance mode. Nobody has set one: PERMISSION. A BYPASS whose time is over is PERMISSION too. */
export async function readMode(sql: Sql): Promise<ProposedCall["mode"]> {
  const row = await sql.maybe<{ mode: ProposedCall["mode"]["mode"]; expires_at: Date | null }>(
    "select mode, expires_at from governance_modes",
  );
  return row === undefined
    ? { mode: "PERMISSION", expiresAt: null }
    : { mode: row.mode, expiresAt: row.expires_at?.getTime() ?? null };
}
