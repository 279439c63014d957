import { defaultLeaseTerms, type LeaseTerms } from "../../core/lease/lease.ts";
import type { Mode, Risk } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";

/** Grants a tool's lease to a run, once per ground: its start, or an approval. Sent without waiting. */
export function grantLease(
  tx: Tx,
  lease: { id: string; runId: string; tool: string; risk: Risk; mode: Mode; grantedBy: string },
  now: Date,
  terms: Partial<LeaseTerms> = {},
): void {
  const { seconds, calls } = terms[lease.risk] ?? defaultLeaseTerms[lease.risk];
  tx.send(
    `insert into leases (lease_id, organisation_id, run_id, tool_id, risk, mode_at_issue, granted_by, granted_at, expires_at,
       calls_remaining) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (organisation_id, run_id, tool_id, granted_by) do nothing`,
    [
      lease.id,
      tx.organisationId,
      lease.runId,
      lease.tool,
      lease.risk,
      lease.mode,
      lease.grantedBy,
      now,
      new Date(now.getTime() + seconds * 1000),
      calls,
    ],
  );
}

/**
 * Takes one call from the tool's lease for a step, once however often the step is tried: one conditional statement, so two
 * steps never get the same last call.
 * @returns the lease, or undefined when none is valid now
 */
export async function consumeLease(
  tx: Tx,
  use: { runId: string; tool: string; stepId: string },
  now: Date,
): Promise<string | undefined> {
  const taken = await tx.maybe<{ lease_id: string }>(
    `with lease as (
       select lease_id from leases
        where run_id = $1 and tool_id = $2 and revoked_at is null and expires_at > $4 and calls_remaining > 0
          and not exists (select from lease_uses where run_id = $1 and step_id = $3)
        order by granted_at desc limit 1 for update),
     used as (
       insert into lease_uses (organisation_id, lease_id, run_id, step_id) select $5, lease_id, $1, $3 from lease
       on conflict do nothing returning lease_id)
     update leases set calls_remaining = calls_remaining - 1 from used
      where leases.lease_id = used.lease_id returning leases.lease_id`,
    [use.runId, use.tool, use.stepId, now, tx.organisationId],
  );
  if (taken !== undefined) return taken.lease_id;
  const before = await tx.maybe<{ lease_id: string }>(
    "select lease_id from lease_uses where run_id = $1 and step_id = $2",
    [use.runId, use.stepId],
  );
  return before?.lease_id;
}

/** No lease of a run is valid from here on. Sent without waiting. */
export function revokeLeases(tx: Tx, runId: string, now: Date): void {
  tx.send("update leases set revoked_at = $2 where run_id = $1 and revoked_at is null", [runId, now]);
}
