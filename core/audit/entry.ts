/**
 * The body of an audit entry: who (sub), through whom (act, delegated_from_session), what (operation, target, digest), why
 * (rule, approval_id) and outcome. A change by a person and one by an agent for that person have the same shape.
 */
export interface AuditBody {
  /** The request's id, or another id of what happened. */
  id: string;
  sub: string | null;
  act: string | null;
  delegated_from_session: string | null;
  operation: string;
  ou: string | null;
  target: string | null;
  digest: string | null;
  rule: string | null;
  approval_id: string | null;
  outcome:
    | "applied"
    | "pending_approval"
    | "refused"
    | "denied"
    | "expired"
    | "cancelled"
    | "approved"
    | "voted"
    | "accepted"
    | "failed";
  detail: Record<string, unknown>;
}

/** The part of an entry's detail that ties it to a run, and to the tree of runs with one trace id that it belongs to. */
export function aboutRun(run: { id: string; trace_id: string } | null | undefined): {
  run_id?: string;
  trace_id?: string;
} {
  return run == null ? {} : { run_id: run.id, trace_id: run.trace_id };
}
