import type { Mode, Risk } from "../runs/terms.ts";

/** How long a lease lasts and for how many calls, by the risk of the tool. */
export type LeaseTerms = Record<Risk, { seconds: number; calls: number }>;

export const defaultLeaseTerms: LeaseTerms = {
  high: { seconds: 300, calls: 1 },
  medium: { seconds: 600, calls: 5 },
  low: { seconds: 3600, calls: 20 },
};

/** The permission of one run to call one tool, so many times, until then. Times are epoch milliseconds. */
export interface Lease {
  id: string;
  runId: string;
  toolId: string;
  risk: Risk;
  /** The governance mode when it was granted: a record, the mode of the moment decides. */
  mode: Mode;
  grantedAt: number;
  expiresAt: number;
  callsRemaining: number;
  revokedAt: number | null;
}

export type LeaseFault = "revoked" | "expired" | "exhausted" | "other_run" | "other_tool";
export type LeaseRefusal = { ok: false; reason: LeaseFault; message: string };
export type LeaseValidity = { ok: true } | LeaseRefusal;

export interface LeaseUse {
  runId: string;
  toolId: string;
  now: number;
}

/** A new lease on the terms of its risk. */
export function grant(
  wanted: Pick<Lease, "id" | "runId" | "toolId" | "risk" | "mode">,
  terms: LeaseTerms,
  now: number,
) {
  const { id, runId, toolId, risk, mode } = wanted;
  const lease: Lease = {
    id,
    runId,
    toolId,
    risk,
    mode,
    grantedAt: now,
    revokedAt: null,
    ...freshTerm(risk, terms, now),
  };
  return lease;
}

function freshTerm(risk: Risk, terms: LeaseTerms, now: number): Pick<Lease, "expiresAt" | "callsRemaining"> {
  return { expiresAt: now + terms[risk].seconds * 1000, callsRemaining: terms[risk].calls };
}

/** Does this lease allow this run to call this tool now? */
export function validate(lease: Lease, { runId, toolId, now }: LeaseUse): LeaseValidity {
  const refuse = (reason: LeaseFault, message: string): LeaseRefusal => ({ ok: false, reason, message });
  // Whose it is comes first: to others it says nothing about itself.
  if (lease.runId !== runId) return refuse("other_run", "the lease belongs to another run");
  if (lease.toolId !== toolId) return refuse("other_tool", `the lease is for ${lease.toolId}, not for ${toolId}`);
  if (lease.revokedAt !== null) return refuse("revoked", `the lease for ${toolId} has been revoked`);
  if (now >= lease.expiresAt)
    return refuse("expired", `the lease for ${toolId} expired at ${new Date(lease.expiresAt).toISOString()}`);
  if (lease.callsRemaining <= 0) return refuse("exhausted", `the lease for ${toolId} has no calls left`);
  return { ok: true };
}

/** Takes one call off a valid lease. The row lock around it makes it atomic. */
export function consume(lease: Lease, use: LeaseUse): { ok: true; lease: Lease } | LeaseRefusal {
  const validity = validate(lease, use);
  if (!validity.ok) return validity;
  return { ok: true, lease: { ...lease, callsRemaining: lease.callsRemaining - 1 } };
}

/** Ends a lease for good. One that is revoked already keeps its time. */
export function revoke(lease: Lease, now: number): Lease {
  return lease.revokedAt === null ? { ...lease, revokedAt: now } : lease;
}

/** A new term for a lease that has run out. Only an approval of the waiting call renews; what was revoked stays so. */
export function renew(
  lease: Lease,
  approval: { status: string },
  terms: LeaseTerms,
  now: number,
): { ok: true; lease: Lease } | { ok: false; reason: "revoked" | "not_approved"; message: string } {
  if (lease.revokedAt !== null)
    return { ok: false, reason: "revoked", message: `the lease for ${lease.toolId} has been revoked` };
  if (approval.status !== "approved")
    return { ok: false, reason: "not_approved", message: `a lease is renewed only by an approval` };
  return { ok: true, lease: { ...lease, ...freshTerm(lease.risk, terms, now) } };
}
