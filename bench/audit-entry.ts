import { v7 } from "uuid";
import type { AuditBody } from "../core/audit/entry.ts";

/** An entry of the usual length, for measuring how fast a chain grows. */
export function benchEntry(): AuditBody {
  return {
    id: v7(),
    sub: null,
    act: null,
    delegated_from_session: null,
    operation: "bench.append",
    ou: "/acme",
    target: null,
    digest: null,
    rule: "bench",
    approval_id: null,
    outcome: "applied",
    detail: { summary: "an entry of the usual length, to see how many the chain takes in a second" },
  };
}
