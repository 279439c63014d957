import { ChainVerifier } from "../../core/audit/chain.ts";
import type { AuditBody } from "../../core/audit/entry.ts";
import { decide } from "../../core/authority/decide.ts";
import { builtInRoles, type Permission } from "../../core/authority/roles.ts";
import { PowerloomError } from "../../core/errors.ts";
import { type ApprovalRow, approvalSelect, approverRoles } from "../../db/queries/approvals.ts";
import { type ChainHead, readWholeChain } from "../../db/queries/audit.ts";
import { findGranters, gatherEvidence } from "../../db/queries/authority.ts";
import { findOu, findRootOu } from "../../db/queries/ous.ts";
import { findUser } from "../../db/queries/people.ts";
import {
  readSessionEvents,
  type SessionRow,
  sessionEventToView,
  sessionSelect,
  sessionToView,
} from "../../db/queries/sessions.ts";
import { requirePermission } from "../../operations/execute.ts";
import { missingUser } from "../../operations/lookups.ts";
import { findOperation } from "../../operations/registry.ts";
import { approvalToView, type RequestRow, requestRowToView, requestSelect } from "../views/requests.ts";
import { Conditions, found, narrowToOu, type ReadContext, readPage, rootsOf } from "./scope.ts";

type Read = (context: ReadContext) => Promise<unknown>;

const permissions: ReadonlySet<string> = new Set(Object.values(builtInRoles).flatMap((role) => role.permissions));

/** The caller's own, and those in OUs where they hold a permission. */
async function ownOr(context: ReadContext, ownColumn: string, permission: Permission, or = ""): Promise<Conditions> {
  const conditions = new Conditions();
  conditions.values.push(context.caller.principalId, await rootsOf(context, permission));
  conditions.add(`(${ownColumn} = $1 or o.ancestors && $2::uuid[]${or})`);
  await narrowToOu(context, conditions);
  return conditions;
}

/** A request may be about other OUs than its own: their approvers must see it. $2 are the OUs the caller may read at. */
const elsewhereToo = ` or exists (select from jsonb_array_elements(r.requirements) q
  where q -> 'alsoAt' ?| $2::text[])`;

async function viewApproval(context: ReadContext, row: ApprovalRow) {
  const { tx, caller, now } = context;
  const roles = await approverRoles(tx, row, caller.principalId, now);
  return approvalToView(row, { ...caller, roles }, now);
}

/** Holding audit:read at the organisation's root: the chain is the whole organisation's. */
export async function requireAuditor(context: Pick<ReadContext, "tx" | "caller" | "now">): Promise<void> {
  const root = await findRootOu(context.tx);
  if (root === undefined) throw new PowerloomError("not_found", "The organisation has no OU.");
  await requirePermission({ ...context, principalId: context.caller.principalId }, "audit:read", root);
}

export const governanceReads: Record<string, Read> = {
  "request.list": async (context) => {
    const conditions = await ownOr(context, "p.sub", "request:read");
    if (typeof context.query["status"] === "string") conditions.add("p.status = ?", context.query["status"]);
    return readPage<RequestRow, unknown>(context, requestSelect, "p.id", conditions, requestRowToView, "desc");
  },
  "request.get": async (context) => {
    const id = context.params["request_id"];
    const conditions = (await ownOr(context, "p.sub", "request:read")).add("p.id = ?", id);
    const row = await context.tx.maybe<RequestRow>(`${requestSelect} where ${conditions.sql}`, conditions.values);
    return requestRowToView(found(row, "request", id));
  },
  "approval.list": async (context) => {
    const conditions = await ownOr(context, "r.requester_id", "approval:read", elsewhereToo);
    if (typeof context.query["status"] === "string") conditions.add("r.status = ?", context.query["status"]);
    const page = await readPage<ApprovalRow, ApprovalRow>(
      context,
      approvalSelect,
      "r.id",
      conditions,
      (row) => row,
      "desc",
    );
    const data: unknown[] = [];
    for (const row of page.data) data.push(await viewApproval(context, row));
    return { ...page, data };
  },
  "approval.get": async (context) => {
    const id = context.params["request_id"];
    const conditions = (await ownOr(context, "r.requester_id", "approval:read", elsewhereToo)).add("r.id = ?", id);
    const row = await context.tx.maybe<ApprovalRow>(`${approvalSelect} where ${conditions.sql}`, conditions.values);
    return viewApproval(context, found(row, "approval request", id));
  },
  "session.list": async (context) => {
    const conditions = await ownOr(context, "s.invoker_id", "session:read");
    if (context.query["agent_id"] !== undefined) conditions.add("s.agent_id = ?::uuid", context.query["agent_id"]);
    return readPage<SessionRow, unknown>(context, sessionSelect, "s.id", conditions, sessionToView, "desc");
  },
  "session.get": async (context) => sessionToView(await readableSession(context)),
  "session_event.list": async (context) => {
    const session = await readableSession(context);
    const rows = await readSessionEvents(
      context.tx,
      session.id,
      Number(context.query["after"] ?? 0),
      Number(context.query["limit"] ?? 200),
    );
    return { data: rows.map(sessionEventToView) };
  },
  "audit.list": async (context) => {
    await requireAuditor(context);
    const { tx, query } = context;
    const conditions = new Conditions();
    if (query["before"] !== undefined) conditions.add("position < ?", query["before"]);
    if (query["sub"] !== undefined) conditions.add("entry ->> 'sub' = ?", query["sub"]);
    if (query["session"] !== undefined) conditions.add("entry ->> 'delegated_from_session' = ?", query["session"]);
    if (query["target"] !== undefined) conditions.add("entry ->> 'target' = ?", query["target"]);
    if (query["operation"] !== undefined) conditions.add("entry ->> 'operation' = ?", query["operation"]);
    if (query["trace_id"] !== undefined) conditions.add("trace_id = ?", query["trace_id"]);
    if (query["run"] !== undefined)
      // By its trace first: that is what the index knows.
      conditions.add(
        "trace_id = (select trace_id from agent_runs where id = ?::uuid) and entry #>> '{detail,run_id}' = ?::text",
        query["run"],
      );
    const rows = await tx.rows<{ position: string; at: string; hash: string; entry: AuditBody }>(
      `select position, at_text as at, hash, entry
         from control_plane_audit where ${conditions.sql} order by position desc limit $${conditions.values.length + 1}`,
      [...conditions.values, Number(query["limit"] ?? 50)],
    );
    return {
      data: rows.map(({ position, at, hash, entry }) => ({
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
      })),
    };
  },
  "audit.verify": async (context) => {
    await requireAuditor(context);
    const verifier = new ChainVerifier();
    const pages = readWholeChain((query) => query(context.tx), context.caller.organisationId, 1000);
    let head: ChainHead | undefined;
    for (let page = await pages.next(); head === undefined; page = await pages.next()) {
      if (page.done === true) head = page.value;
      else if (!page.value.every((entry) => verifier.add(entry))) break;
    }
    const verdict = verifier.finish(head);
    return verdict.intact
      ? { intact: true, entries: verdict.entries, position: null, reason: null, head: verdict.head }
      : { intact: false, entries: verdict.entries, position: verdict.position, reason: verdict.reason, head: null };
  },
  "authority.explain": async (context) => {
    const { tx, caller, now, query } = context;
    const asked = String(query["permission"]);
    const permission = findOperation(asked)?.permission ?? asked;
    if (!permissions.has(permission))
      throw new PowerloomError("invalid_input", `There is no permission or operation \`${asked}\`.`, {
        pointer: "/permission",
        valid: [...permissions].sort(),
      });
    const ou = await findOu(tx, String(query["ou"]));
    if (ou === undefined)
      throw new PowerloomError("not_found", `No OU found at \`${query["ou"]}\`. Give an existing path or id.`, {
        pointer: "/ou",
      });
    const reference = query["principal"];
    const user = await findUser(tx, typeof reference === "string" ? reference : caller.principalId);
    // Other people's rights, and whether there are such people, are for those who may see bindings there.
    if (user?.id !== caller.principalId)
      await requirePermission({ tx, now, principalId: caller.principalId }, "binding:read", ou);
    if (user === undefined) throw missingUser(String(reference), "principal");
    const evidence = await gatherEvidence(tx, user.id, permission as Permission, ou, now);
    const decision = decide({
      ...evidence,
      granters: await findGranters(tx, permission as Permission, ou.ancestors, now),
    });
    return {
      effect: decision.effect,
      rule: decision.rule,
      reason: decision.reason,
      permission,
      ou: ou.path,
      principal: user.email,
      binding_id: decision.effect === "allow" ? decision.bindingId : null,
      who_can_grant:
        decision.effect === "allow"
          ? []
          : decision.whoCanGrant.map(({ email, role, ouPath }) => ({ email, role, ou: ouPath })),
    };
  },
};

async function readableSession(context: ReadContext): Promise<SessionRow> {
  const id = context.params["session_id"] ?? "";
  const conditions = (await ownOr(context, "s.invoker_id", "session:read")).add("s.id::text = ?", id);
  return found(
    await context.tx.maybe<SessionRow>(`${sessionSelect} where ${conditions.sql}`, conditions.values),
    "session",
    id,
  );
}
