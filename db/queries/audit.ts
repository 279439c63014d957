import { type ChainEntry, genesisHash } from "../../core/audit/chain.ts";
import type { AuditBody } from "../../core/audit/entry.ts";
import { canonicalJson } from "../../core/canonical.ts";
import type { Sql, Tx } from "../database.ts";
import { isUuid } from "./ous.ts";

/** Appends one entry to the organisation's chain: the last statement of the transaction that has the effect. */
export function appendAudit(tx: Tx, body: AuditBody): void {
  tx.atCommit("select audit_append($1)", [canonicalJson(body)]);
}

interface ChainRow {
  position: string;
  at_text: string;
  body: string;
  previous: string;
  hash: string;
  at: string;
  entry: AuditBody;
  trace_id: string | null;
  request_id: string | null;
}

/**
 * What entries about a thing name as their target: the thing; of an agent also its attachments, whose id is the agent's and
 * that of what is attached, and its credentials.
 */
export async function targetsAbout(sql: Sql, { type, id }: { type: string; id: string }): Promise<string[]> {
  if (type !== "agent" || !isUuid(id)) return [`${type}:${id}`];
  const rows = await sql.rows<{ target: string }>(
    `select 'agent:' || $1::text as target
     union all select 'attachment:' || $1::text || '/' || s.id from skills s
     union all select 'attachment:' || $1::text || '/' || m.id from mcp_servers m
     union all select 'credential:' || c.id from credentials c where c.agent_id = $1::uuid`,
    [id],
  );
  return rows.map(({ target }) => target);
}

/** Entries after a position, in order, as they are exported. */
async function readChain(sql: Sql, organisationId: string, after: number, limit: number): Promise<ChainEntry[]> {
  const rows = await sql.rows<ChainRow>(
    `select position, at_text, body, previous, hash, entry, trace_id, request_id,
            to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
       from control_plane_audit where organisation_id = $1 and position > $2 order by position limit $3`,
    [organisationId, after, limit],
  );
  return rows.map((row) => {
    const differing = differingColumns(row);
    return {
      organisation: organisationId,
      position: Number(row.position),
      at: row.at_text,
      body: row.body,
      previous: row.previous,
      hash: row.hash,
      ...(differing.length === 0 ? {} : { differing }),
    };
  });
}

/**
 * Columns that entries are searched by and shown from, and that are no part of what is hashed. All but `at` are generated; the
 * owner of the table can make them plain ones, and change them too.
 */
function differingColumns({ at_text, body, at, entry, trace_id, request_id }: ChainRow): string[] {
  const holds = {
    at: at === at_text,
    entry: canonicalJson(entry) === body,
    trace_id: trace_id === textOf(entry?.detail?.["trace_id"]),
    request_id: request_id === (textOf(entry?.approval_id) ?? textOf(entry?.id)),
  };
  return Object.entries(holds).flatMap(([column, same]) => (same ? [] : [column]));
}

/** As `->>` gives it. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? null : JSON.stringify(value);
}

/** What was found when the chain was verified, as it is remembered. */
export interface VerdictRow {
  at: Date;
  by: string;
  by_email: string;
  entries: string;
  intact: boolean;
  position: string | null;
  reason: string | null;
  head: string | null;
}

export async function rememberVerdict(
  tx: Tx,
  by: string,
  verdict: { intact: boolean; entries: number; position: number | null; reason: string | null; head: string | null },
): Promise<void> {
  const { intact, entries, position, reason, head } = verdict;
  await tx.run(
    `insert into audit_verdicts (organisation_id, by, entries, intact, position, reason, head)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [tx.organisationId, by, entries, intact, position, reason, head],
  );
}

/** The last verdict; undefined when nobody has ever asked. */
export function lastVerdict(sql: Sql): Promise<VerdictRow | undefined> {
  return sql.maybe<VerdictRow>(
    `select v.at, v.by, u.email as by_email, v.entries, v.intact, v.position, v.reason, v.head
       from audit_verdicts v join users u on u.organisation_id = v.organisation_id and u.id = v.by
      order by v.id desc limit 1`,
  );
}

/** Where a chain ends. */
export interface ChainHead {
  position: number;
  hash: string;
}

/** The end of the chain as its head row says; of an organisation without one, position 0. */
export async function readHead(sql: Sql): Promise<ChainHead> {
  const row = await sql.maybe<{ position: string; hash: string }>("select position, hash from audit_heads");
  return row === undefined ? { position: 0, hash: genesisHash } : { position: Number(row.position), hash: row.hash };
}

/**
 * The whole chain in pages, then its head. The head is read after the last entry, so that it is never behind it by honest
 * means; entries that it promises are looked for once more, so that it is never ahead either.
 * @param read runs a query inside the organisation: in one transaction, or each in its own
 */
export async function* readWholeChain(
  read: <Result>(query: (sql: Sql) => Promise<Result>) => Promise<Result>,
  organisationId: string,
  pageSize = 500,
): AsyncGenerator<ChainEntry[], ChainHead> {
  let last = 0;
  let head: ChainHead | undefined;
  for (;;) {
    const after = last;
    const entries = await read((sql) => readChain(sql, organisationId, after, pageSize));
    if (entries.length > 0) yield entries;
    last = entries.at(-1)?.position ?? last;
    if (entries.length === pageSize) continue;
    if (head !== undefined && entries.length === 0) return head;
    head = await read(readHead);
    if (head.position <= last) return head;
  }
}
