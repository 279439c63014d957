import type { ApprovalStatus } from "./votes.ts";

/** What has become of a request that somebody waits for, and why. */
export interface Decision {
  status: ApprovalStatus;
  reason: string;
}

/**
 * What people have made of a request, for whoever waits for it. An approval counts that came before the request ran out,
 * however late this is asked: whoever waits may have been away, and nothing that people decided is lost by that. What is
 * granted on it is theirs to look at anew, and begins when it is granted.
 */
export function decisionOf(
  request: { status: ApprovalStatus; reason: string | null; expiresAt: Date; decidedAt: Date | null },
  now: Date,
): Decision {
  const status = standing(request, now);
  const unsaid = status === "expired" ? "nobody decided in time" : status === "pending" ? "" : status;
  return { status, reason: request.reason ?? unsaid };
}

function standing(
  { status, expiresAt, decidedAt }: { status: ApprovalStatus; expiresAt: Date; decidedAt: Date | null },
  now: Date,
): ApprovalStatus {
  switch (status) {
    case "pending":
      return now < expiresAt ? "pending" : "expired";
    case "approved":
      return decidedAt !== null && decidedAt <= expiresAt ? "approved" : "expired";
    case "denied":
    case "cancelled":
    case "expired":
    case "applied":
    case "refused":
      return status;
  }
}
