import { decide } from "../../core/authority/decide.ts";
import { builtInRoles, type Permission } from "../../core/authority/roles.ts";
import { PowerloomError } from "../../core/errors.ts";
import { findGranters, gatherEvidence } from "../../db/queries/authority.ts";
import { findOu } from "../../db/queries/ous.ts";
import { findUser } from "../../db/queries/people.ts";
import {
  readSessionEvents,
  type SessionRow,
  sessionEventToView,
  sessionList,
  sessionSelect,
  sessionToView,
} from "../../db/queries/sessions.ts";
import { requirePermission } from "../../operations/execute.ts";
import { missingUser } from "../../operations/lookups.ts";
import { findOperation } from "../../operations/registry.ts";
import { type RequestRow, requestList, requestRowToView, requestSelect } from "../views/requests.ts";
import {
  found,
  narrowToPerson,
  narrowToSame,
  narrowToTarget,
  narrowToText,
  ownOr,
  type ReadContext,
  readSeen,
  seen,
} from "./scope.ts";

type Read = (context: ReadContext) => Promise<unknown>;

const permissions: ReadonlySet<string> = new Set(Object.values(builtInRoles).flatMap((role) => role.permissions));

export const governanceReads: Record<string, Read> = {
  "request.list": async (context) => {
    const requests = await ownOr(context, "p.sub", "request:read");
    const { conditions } = requests;
    narrowToSame(context, conditions, { status: "p.status", operation: "p.name" });
    await narrowToPerson(context, conditions, "requester", "p.sub");
    narrowToText(context, conditions, ["p.diff ->> 'summary'", "p.name", "u.email"]);
    narrowToTarget(context, conditions, "p.target_type", "p.target_id");
    return readSeen<RequestRow, unknown>(context, requestList, requests, requestRowToView, "desc");
  },
  "request.get": async (context) => {
    const id = context.params["request_id"];
    const conditions = seen(await ownOr(context, "p.sub", "request:read")).add("p.id = ?", id);
    const row = await context.tx.maybe<RequestRow>(`${requestSelect} where ${conditions.sql}`, conditions.values);
    return requestRowToView(found(row, "request", id));
  },
  "session.list": async (context) => {
    const sessions = await ownOr(context, "s.invoker_id", "session:read");
    const { conditions } = sessions;
    narrowToSame(context, conditions, { agent_id: "s.agent_id", status: "s.status" });
    await narrowToPerson(context, conditions, "invoker", "s.invoker_id");
    return readSeen<SessionRow, unknown>(context, sessionList, sessions, sessionToView, "desc");
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
  const conditions = seen(await ownOr(context, "s.invoker_id", "session:read")).add("s.id::text = ?", id);
  return found(
    await context.tx.maybe<SessionRow>(`${sessionSelect} where ${conditions.sql}`, conditions.values),
    "session",
    id,
  );
}
