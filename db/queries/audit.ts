import type { ChainEntry } from "../../core/audit/chain.ts";
import type { AuditBody } from "../../core/audit/entry.ts";
import { canonicalJson } from "../../core/canonical.ts";
import type { Sql, Tx } from "../database.ts";

/** Appends one entry to the organisation's chain. The last statement of the transaction that has the effect. */
export async function appendAudit(tx: Tx, body: AuditBody): Promise<number> {
  const row = await tx.maybe<{ position: string }>("select audit_append($1) as position", [canonicalJson(body)]);
  return Number(row?.position);
}

/** Entries after a position, in order, as they are exported. */
export async function readChain(sql: Sql, organisationId: string, after: number, limit: number): Promise<ChainEntry[]> {
  const rows = await sql.rows<{ position: string; at_text: string; body: string; previous: string; hash: string }>(
    `select position, at_text, body, previous, hash from control_plane_audit
      where organisation_id = $1 and position > $2 order by position limit $3`,
    [organisationId, after, limit],
  );
  return rows.map((row) => ({
    organisation: organisationId,
    position: Number(row.position),
    at: row.at_text,
    body: row.body,
    previous: row.previous,
    hash: row.hash,
  }));
}

/** Where the chain ends, as its head row says. */
export async function readHead(sql: Sql): Promise<{ position: number; hash: string } | undefined> {
  const row = await sql.maybe<{ position: string; hash: string }>("select position, hash from audit_heads");
  return row === undefined ? undefined : { position: Number(row.position), hash: row.hash };
}
