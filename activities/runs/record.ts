import { type AuditBody, aboutRun } from "../../core/audit/entry.ts";
import type { Tx } from "../../db/database.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import type { RunDeps } from "./deps.ts";

/** The audit entry of something a run did or was refused: as much a person's deed as one through the API. */
export function auditRun(
  tx: Tx,
  run: RunRow,
  entry: {
    id: string;
    operation: string;
    outcome: AuditBody["outcome"];
    target?: string;
    digest?: string | null;
    rule?: string | null;
    approvalId?: string | null;
    detail?: Record<string, unknown>;
  },
): void {
  appendAudit(tx, {
    id: entry.id,
    sub: run.requester_id,
    act: `run:${run.id}`,
    delegated_from_session: run.sid || null,
    operation: entry.operation,
    ou: run.ou_path,
    target: entry.target ?? `run:${run.id}`,
    digest: entry.digest ?? null,
    rule: entry.rule ?? null,
    approval_id: entry.approvalId ?? null,
    outcome: entry.outcome,
    detail: storable({ ...aboutRun(run), agent: run.agent_id, ...entry.detail }) as AuditBody["detail"],
  });
}

/** Tells watchers that there is something new: after the commit, because NOTIFY inside one serialises commits (design §9). */
export function tellWatchers(deps: Pick<RunDeps, "db">, run: { root_run_id: string }): void {
  deps.db.anywhere.run("select pg_notify('run_events', $1)", [run.root_run_id]).catch(() => undefined);
}

/** The first words of a text, for lists and logs. */
export function summaryOf(value: unknown, length = 200): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`;
}
