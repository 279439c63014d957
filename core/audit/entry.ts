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
