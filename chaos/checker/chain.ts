import { createHash } from "node:crypto";
import type { Evidence } from "./evidence.ts";
import type { Violation } from "./record.ts";

/** The audit chain, hashed anew entry by entry from its published form. */
export function checkChain({ audit, head, organisationId }: Evidence): Violation[] {
  const broken = (position: number | string, why: string): Violation[] => [
    { kind: "unaudited", what: `the audit chain is broken at ${position}: ${why}` },
  ];
  let previous = "0".repeat(64);
  for (const [index, entry] of audit.entries()) {
    const position = index + 1;
    if (Number(entry.position) !== position) return broken(position, `the next entry says ${entry.position}`);
    if (entry.previous !== previous) return broken(position, "it does not name the entry before it");
    const form =
      `{"at":${JSON.stringify(entry.at_text)},"body":${entry.body},"organisation":"${organisationId}",` +
      `"position":${position},"previous":"${previous}","v":1}`;
    previous = createHash("sha256").update(form, "utf8").digest("hex");
    if (entry.hash !== previous) return broken(position, "its content does not match its hash");
  }
  if (head === undefined) return audit.length === 0 ? [] : broken(audit.length, "it has no head");
  if (Number(head.position) !== audit.length) return broken(head.position, `there are ${audit.length} entries`);
  return head.hash === previous ? [] : broken(head.position, "the head names another hash");
}
