import { textSearch } from "../../parts/search-params.ts";

/** What the trail is narrowed by, in the address; times are RFC 3339. */
export const auditSearch = textSearch(
  "sub",
  "act",
  "operation",
  "outcome",
  "target",
  "session",
  "request",
  "run",
  "trace_id",
  "from",
  "to",
);
export type AuditSearch = ReturnType<typeof auditSearch>;

export const outcomes = [
  "applied",
  "pending_approval",
  "refused",
  "denied",
  "expired",
  "cancelled",
  "approved",
  "voted",
  "accepted",
  "failed",
] as const;

/** A time as a field for local dates and times shows it, to the second; empty for none. */
export function toLocal(time: string | undefined): string {
  const at = new Date(time ?? "");
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** What such a field says, as RFC 3339; undefined for nothing, or half of a date. */
export function fromLocal(local: string | undefined): string | undefined {
  const at = new Date(local ?? "");
  return local === undefined || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
