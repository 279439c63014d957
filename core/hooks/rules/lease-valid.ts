import type { Gate } from "../outcomes.ts";
import type { LeaseView } from "../subjects.ts";

/** The lease holds: that of the run when it begins, that of the tool before each call. */
export const leaseValid: Gate<{ lease: LeaseView | null }> = {
  name: "lease-valid",
  check: ({ lease }) =>
    lease === null || lease.ok
      ? { kind: "pass" }
      : { kind: "refuse", reason: `the lease does not hold: ${lease.reason}` },
};
