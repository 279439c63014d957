import type { LeaseValidity } from "../lease/lease.ts";
import type { Mode, Risk } from "../runs/terms.ts";

export interface GatedCall {
  tool: string;
  readOnly: boolean;
  risk: Risk;
  agent: string;
  contextHash: string;
}

/** Lets one agent call one tool in one context without asking, until then (epoch ms). */
export interface Elevation {
  id: string;
  agent: string;
  tool: string;
  contextHash: string;
  expiresAt: number;
}

export interface GateEvidence {
  /** Of the human the run acts for. */
  rights: { allowed: boolean; rule: string; reason: string };
  /** Null: none has been granted for this tool yet. */
  lease: LeaseValidity | null;
  /** `expiresAt` is when a BYPASS ends, epoch ms; null: it does not by itself. */
  mode: { mode: Mode; expiresAt: number | null };
  elevations: readonly Elevation[];
  /** This call needs an approval even where it would run without: a read, or an elevated one. */
  alwaysAsk?: boolean;
  /** Of this very call, when it has been asked for. */
  approval?: { id: string; status: "pending" | "approved" | "denied" | "expired" | "cancelled" };
}

export type GateVerdict =
  | {
      verdict: "run";
      via: "read" | "elevation" | "approval" | "bypass";
      rule: string;
      reason: string;
      elevationId?: string;
      /** An approval was skipped: to be recorded. */
      consumesBypass?: true;
      /** The lease has run out, and the approval renews it. */
      renewLease?: true;
    }
  | { verdict: "ask"; rule: string; reason: string }
  | { verdict: "refuse"; rule: string; reason: string };

/**
 * May this tool call run? In order: rights of the human and the lease, governance mode, elevation, approval. BYPASS skips
 * the approval and nothing else: a lease that has run out is renewed by an approval in every mode.
 * @param now epoch milliseconds
 */
export function gate(call: GatedCall, evidence: GateEvidence, now: number): GateVerdict {
  const { rights, lease, approval } = evidence;
  const mode = modeAt(evidence.mode, now);
  const refuse = (rule: string, reason: string): GateVerdict => ({ verdict: "refuse", rule, reason });
  const ask = (rule: string, reason: string): GateVerdict => ({ verdict: "ask", rule, reason });

  if (!rights.allowed) return refuse(rights.rule, rights.reason);
  const runOut = lease?.ok === false && (lease.reason === "expired" || lease.reason === "exhausted") ? lease : null;
  if (lease?.ok === false && runOut === null) return refuse(leaseRule(lease.reason), lease.message);
  if (mode === "READ_ONLY" && !call.readOnly)
    return refuse("mode-read-only", `the organisation is in READ_ONLY mode and ${call.tool} is not a read`);
  if (approval?.status === "denied")
    return refuse("approval-denied", `approval ${approval.id} of this call was denied`);

  if (runOut === null) {
    if (mode === "BYPASS" && (!call.readOnly || evidence.alwaysAsk === true))
      return {
        verdict: "run",
        via: "bypass",
        rule: "mode-bypass",
        reason: "the organisation is in BYPASS mode: no approval is asked for",
        consumesBypass: true,
      };
    if (evidence.alwaysAsk !== true) {
      if (call.readOnly) return { verdict: "run", via: "read", rule: "read", reason: `${call.tool} only reads` };
      const elevation = evidence.elevations.find((candidate) => covers(candidate, call, now));
      if (elevation !== undefined)
        return {
          verdict: "run",
          via: "elevation",
          rule: `elevation:${elevation.id}`,
          reason: `${call.agent} is elevated for ${call.tool} in this context`,
          elevationId: elevation.id,
        };
    }
  }

  if (approval?.status === "approved")
    return {
      verdict: "run",
      via: "approval",
      rule: `approval:${approval.id}`,
      reason: `${call.tool} was approved`,
      ...(runOut === null ? {} : { renewLease: true }),
    };
  if (approval?.status === "expired" || approval?.status === "cancelled")
    return refuse(`approval-${approval.status}`, `approval ${approval.id} of this call has ${ended[approval.status]}`);
  if (approval?.status === "pending")
    return ask("approval-pending", `approval ${approval.id} of this call is not decided yet`);
  if (runOut !== null) return ask(leaseRule(runOut.reason), `${runOut.message}: an approval renews it`);
  if (evidence.alwaysAsk === true) return ask("always-ask", `every call of ${call.tool} is asked for`);
  return ask("mode-permission", `${call.tool} is not a read (risk ${call.risk}): it needs an elevation or an approval`);
}

/**
 * The second look, in the transaction of the execution, on evidence gathered anew. By now there has to be a lease; an
 * `ask` means that what let the call pass before does not hold any more.
 */
export function recheck(call: GatedCall, evidence: GateEvidence, now: number): GateVerdict {
  const verdict = gate(call, evidence, now);
  if (verdict.verdict !== "run" || evidence.lease !== null) return verdict;
  return { verdict: "refuse", rule: "lease-missing", reason: `no lease was granted for ${call.tool}` };
}

const ended = { expired: "expired", cancelled: "been cancelled" } as const;

const leaseRule = (reason: string) => `lease-${reason.replace("_", "-")}`;

/** The mode that counts: a BYPASS whose time is over is PERMISSION. Other modes do not end by themselves. */
function modeAt({ mode, expiresAt }: GateEvidence["mode"], now: number): Mode {
  return mode === "BYPASS" && expiresAt !== null && now >= expiresAt ? "PERMISSION" : mode;
}

function covers(elevation: Elevation, call: GatedCall, now: number): boolean {
  return (
    elevation.agent === call.agent &&
    elevation.tool === call.tool &&
    elevation.contextHash === call.contextHash &&
    now < elevation.expiresAt
  );
}
