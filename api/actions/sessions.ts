import { digestOf } from "../../core/canonical.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Tx } from "../../db/database.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { announceSession } from "../../db/queries/changes.ts";
import { findSession, queueCommand, type SessionRow, sessionToView } from "../../db/queries/sessions.ts";
import { requirePermission } from "../../operations/execute.ts";
import { scopeOf } from "../../operations/lookups.ts";
import { issueTicket, wake } from "./invoke.ts";
import type { ActionContext } from "./perform.ts";

/** Only the person a session acts for may say something in it. */
export async function messageSession(context: ActionContext): Promise<Record<string, unknown>> {
  const text = String(context.input["text"]);
  return tell(context, "message", { text }, "invoker");
}

export async function interruptSession(context: ActionContext): Promise<Record<string, unknown>> {
  return tell(context, "interrupt", {}, "controller");
}

/** From this moment every bearer of the session is refused; its workflow then destroys what the provider holds. */
export async function endSession(context: ActionContext): Promise<Record<string, unknown>> {
  const { deps, caller, input } = context;
  const sessionId = String(input["session_id"]);
  const reason = typeof input["reason"] === "string" ? input["reason"] : "ended by its user";
  const row = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    const session = await controlledSession(context, tx, sessionId);
    if (session.ended_at !== null) return session;
    const queued = await queueCommand(tx, sessionId, {
      id: deps.newId(),
      kind: "end",
      payload: { reason },
      createdBy: caller.principalId,
      idempotencyKey: "end",
      bodyDigest: null,
    });
    if (!queued.fresh) return session;
    const now = deps.now();
    await tx.run(
      "update session_bearers set revoked_at = coalesce(revoked_at, $2), sealed_bearer = null where session_id = $1",
      [sessionId, now],
    );
    await tx.run("update sessions set status = 'ended', end_reason = $2, ended_at = $3 where id = $1", [
      sessionId,
      reason,
      now,
    ]);
    announceSession(tx, sessionId);
    await audit(context, tx, session, "session.end", { reason });
    return (await findSession(tx, sessionId)) ?? session;
  });
  await wake(deps, caller.organisationId, sessionId);
  return sessionToView(row);
}

export async function ticketForSession({ deps, caller, input }: ActionContext): Promise<Record<string, unknown>> {
  const sessionId = String(input["session_id"]);
  await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    const session = await existing(tx, sessionId);
    if (session.invoker_id !== caller.principalId)
      await requirePermission(
        { tx, now: deps.now(), principalId: caller.principalId },
        "session:read",
        scopeOf(session),
      );
  });
  return { websocket_url: await issueTicket(deps, caller, sessionId) };
}

async function tell(
  context: ActionContext,
  kind: "message" | "interrupt",
  payload: Record<string, unknown>,
  who: "invoker" | "controller",
): Promise<Record<string, unknown>> {
  const { deps, caller, input, key } = context;
  const sessionId = String(input["session_id"]);
  const id = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    const session =
      who === "invoker" ? await ownSession(context, tx, sessionId) : await controlledSession(context, tx, sessionId);
    if (session.ended_at !== null)
      throw new PowerloomError("session_ended", `The session has ended (${session.end_reason ?? "no reason given"}).`);
    const bodyDigest = digestOf({ kind, payload });
    const queued = await queueCommand(tx, sessionId, {
      id: deps.newId(),
      kind,
      payload,
      createdBy: caller.principalId,
      idempotencyKey: key === null ? null : `${kind}:${key}`,
      bodyDigest,
    });
    if (!queued.fresh) {
      if (queued.bodyDigest !== bodyDigest)
        throw new PowerloomError("idempotency_mismatch", "This Idempotency-Key was used for another request.");
      return queued.id;
    }
    // The words themselves stay in the session's own rows.
    await audit(context, tx, session, `session.${kind}`, { digest: bodyDigest });
    return queued.id;
  });
  await wake(deps, caller.organisationId, sessionId);
  return { id, status: "accepted" };
}

async function existing(tx: Tx, id: string): Promise<SessionRow> {
  const session = await findSession(tx, id, "lock");
  if (session === undefined)
    throw new PowerloomError("not_found", `No session found with id \`${id}\`.`, { pointer: "/session_id" });
  return session;
}

async function ownSession({ caller }: ActionContext, tx: Tx, id: string): Promise<SessionRow> {
  const session = await existing(tx, id);
  if (session.invoker_id !== caller.principalId)
    throw new PowerloomError("forbidden", "Only the person a session acts for may send it messages.", {
      rule: "not-the-invoker",
    });
  return session;
}

async function controlledSession({ deps, caller }: ActionContext, tx: Tx, id: string): Promise<SessionRow> {
  const session = await existing(tx, id);
  if (session.invoker_id !== caller.principalId)
    await requirePermission(
      { tx, now: deps.now(), principalId: caller.principalId },
      "session:control",
      scopeOf(session),
    );
  return session;
}

async function audit(
  { caller }: ActionContext,
  tx: Tx,
  session: SessionRow,
  operation: string,
  detail: Record<string, unknown>,
): Promise<void> {
  appendAudit(tx, {
    id: session.id,
    sub: caller.principalId,
    act: null,
    delegated_from_session: null,
    operation,
    ou: session.ou_path,
    target: `session:${session.id}`,
    digest: null,
    rule: session.invoker_id === caller.principalId ? "own-session" : "session:control",
    approval_id: null,
    outcome: "accepted",
    detail,
  });
}
