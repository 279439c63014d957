import { ChainVerifier } from "../../core/audit/chain.ts";
import { readCheckpoint, whatStaysUnseen } from "../../core/audit/checkpoint.ts";
import type { AuditBody } from "../../core/audit/entry.ts";
import { PowerloomError } from "../../core/errors.ts";
import {
  type ChainHead,
  lastVerdict,
  readHead,
  readWholeChain,
  rememberVerdict,
  targetsAbout,
  type VerdictRow,
} from "../../db/queries/audit.ts";
import { findRootOu } from "../../db/queries/ous.ts";
import { requirePermission } from "../../operations/execute.ts";
import { Conditions, found, namedPerson, namedTarget, type ReadContext } from "./scope.ts";

interface EntryRow {
  position: string;
  at: string;
  previous: string;
  hash: string;
  text: string;
  entry: AuditBody;
}

const entrySelect = "select position, at_text as at, previous, hash, body as text, entry from control_plane_audit";

/** Holding audit:read at the organisation's root: the chain is the whole organisation's. */
export async function requireAuditor(context: Pick<ReadContext, "tx" | "caller" | "now">): Promise<void> {
  const root = await findRootOu(context.tx);
  if (root === undefined) throw new PowerloomError("not_found", "The organisation has no OU.");
  await requirePermission({ ...context, principalId: context.caller.principalId }, "audit:read", root);
}

export const auditReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "audit.list": async (context) => {
    await requireAuditor(context);
    const { tx, query } = context;
    const conditions = new Conditions();
    if (query["before"] !== undefined) conditions.add("position < ?", query["before"]);
    if (query["from"] !== undefined) conditions.add("at >= ?::timestamptz", query["from"]);
    if (query["to"] !== undefined) conditions.add("at < ?::timestamptz", query["to"]);
    await narrowToWhatIsSaid(context, conditions);
    if (query["trace_id"] !== undefined) conditions.add("trace_id = ?", query["trace_id"]);
    if (query["request"] !== undefined) conditions.add("request_id = ?", query["request"]);
    if (query["run"] !== undefined)
      // By its trace first: that is what the index knows.
      conditions.add(
        "trace_id = (select trace_id from agent_runs where id = ?::uuid) and entry #>> '{detail,run_id}' = ?::text",
        query["run"],
      );
    const rows = await tx.rows<EntryRow>(
      `${entrySelect} where ${conditions.sql} order by position desc limit $${conditions.values.length + 1}`,
      [...conditions.values, Number(query["limit"] ?? 50)],
    );
    return { data: rows.map(entryToView) };
  },
  "audit.get": async (context) => {
    await requireAuditor(context);
    const position = context.params["position"] ?? "";
    const row = /^[1-9]\d{0,17}$/.test(position)
      ? await context.tx.maybe<EntryRow>(`${entrySelect} where position = $1`, [position])
      : undefined;
    const entry = found(row, "audit entry", position);
    return { ...entryToView(entry), previous: entry.previous, text: entry.text };
  },
  "audit.verify": async (context) => {
    await requireAuditor(context);
    const checkpoint = readCheckpoint(String(context.query["checkpoint"] ?? ""));
    const verifier = new ChainVerifier(checkpoint);
    const pages = readWholeChain((query) => query(context.tx), context.caller.organisationId, 1000);
    let head: ChainHead | undefined;
    for (let page = await pages.next(); head === undefined; page = await pages.next()) {
      if (page.done === true) head = page.value;
      else if (!page.value.every((entry) => verifier.add(entry))) break;
    }
    const found = verifier.finish(head);
    const { intact, entries } = found;
    const verdict = found.intact
      ? { intact, entries, position: null, reason: null, head: found.head }
      : { intact, entries, position: found.position, reason: found.reason, head: null };
    context.afterwards((tx) => rememberVerdict(tx, context.caller.principalId, verdict));
    return { ...verdict, unseen: intact ? whatStaysUnseen(entries, checkpoint) : null };
  },
  "audit.verified": async (context) => {
    await requireAuditor(context);
    const [last, head] = await Promise.all([lastVerdict(context.tx), readHead(context.tx)]);
    return { verdict: last === undefined ? null : verdictToView(last), entries: head.position };
  },
};

/** Narrows to entries whose fields say what the query asks for. */
async function narrowToWhatIsSaid(context: ReadContext, conditions: Conditions): Promise<void> {
  const { tx, query } = context;
  const fields: Record<string, unknown> = {};
  const sub = await namedPerson(context, "sub");
  if (sub !== undefined) fields["sub"] = sub;
  for (const [name, field] of Object.entries(fieldsOf)) if (query[name] !== undefined) fields[field] = query[name];
  const target = namedTarget(context);
  const targets = target === undefined ? undefined : await targetsAbout(tx, target);
  if (Object.keys(fields).length === 0 && targets === undefined) return;
  if (["trace_id", "request", "run"].some((name) => query[name] !== undefined)) {
    // What these leave is little: each of it is looked at.
    conditions.add("entry @> ?::jsonb", JSON.stringify(fields));
    if (targets !== undefined) conditions.add("entry ->> 'target' = any (?::text[])", targets);
    return;
  }
  const { before, from, to, limit } = query;
  const values = [JSON.stringify(fields), targets, before, from, to, Number(limit ?? 50)];
  const first = conditions.values.push(...values.map((value) => value ?? null)) - values.length + 1;
  const types = ["jsonb", "text[]", "bigint", "timestamptz", "timestamptz", "integer"];
  const given = types.map((type, index) => `$${first + index}::${type}`).join(", ");
  conditions.add(`position = any (array(select audit_positions(${given})))`);
}

/** Query parameters that name one field of the entry. */
const fieldsOf = {
  session: "delegated_from_session",
  operation: "operation",
  outcome: "outcome",
  act: "act",
};

function verdictToView({ at, entries, position, ...rest }: VerdictRow) {
  return {
    ...rest,
    at: at.toISOString(),
    entries: Number(entries),
    position: position === null ? null : Number(position),
  };
}

function entryToView({ position, at, hash, entry }: EntryRow) {
  return {
    position: Number(position),
    at,
    sub: entry.sub,
    act: entry.act,
    delegated_from_session: entry.delegated_from_session,
    operation: entry.operation,
    target: entry.target,
    ou: entry.ou,
    outcome: entry.outcome,
    rule: entry.rule,
    approval_id: entry.approval_id,
    hash,
    body: entry,
  };
}
