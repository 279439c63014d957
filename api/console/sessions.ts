import type { Request, Response } from "express";
import { hashToken, mintToken } from "../../core/bearer.ts";
import { consoleKeptSeconds, consoleSessionSeconds, seenLongAgo, whyOver } from "../../core/console-session.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Sql, Tx } from "../../db/database.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import {
  deleteConsoleSessions,
  endConsoleSession,
  findConsoleSession,
  insertConsoleSession,
  touchConsoleSession,
} from "../../db/queries/console-sessions.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import { clearCookie, readCookie, sessionCookieName, setCookie } from "./cookies.ts";

/** More than one makes: so the organisation's old ones are never more than were made meanwhile. */
const oldOnesAtOnce = 100;

/**
 * Signs a person's browser in: a new token, never one the browser brought along; what it brought is ended.
 * @throws PowerloomError `forbidden` when the person is suspended
 */
export async function startConsoleSession(
  deps: ApiDeps,
  req: Request,
  res: Response,
  person: { organisationId: string; principalId: string },
  method: "dev" | "oidc",
): Promise<void> {
  const before = readCookie(req, sessionCookieName(deps.config));
  if (before !== undefined) await endByToken(deps, before, "replaced");
  const token = mintToken("plb");
  const now = deps.now();
  await deps.db.inOrganisation(person.organisationId, async (tx) => {
    const user = await tx.maybe<{ email: string; status: string }>("select email, status from users where id = $1", [
      person.principalId,
    ]);
    if (user?.status !== "active") throw new PowerloomError("forbidden", `${user?.email} is suspended.`);
    await insertConsoleSession(tx, {
      tokenHash: hashToken(token),
      userId: person.principalId,
      method,
      now,
      expiresAt: new Date(now.getTime() + consoleSessionSeconds * 1000),
    });
    audit(deps, tx, person.principalId, "console.sign_in", { method });
    await deleteConsoleSessions(tx, new Date(now.getTime() - consoleKeptSeconds * 1000), oldOnesAtOnce);
  });
  setCookie(res, deps.config, sessionCookieName(deps.config), token, {
    sameSite: "strict",
    seconds: consoleSessionSeconds,
  });
}

/** Ends the sign-in a request came by. */
export async function signOut(deps: ApiDeps, res: Response, caller: Caller, tokenHash: string): Promise<void> {
  await deps.db.inOrganisation(caller.organisationId, (tx) =>
    end(deps, tx, { tokenHash, userId: caller.principalId }, "signed out"),
  );
  forgetConsoleSession(deps, res);
}

export function forgetConsoleSession(deps: Pick<ApiDeps, "config">, res: Response): void {
  clearCookie(res, deps.config, sessionCookieName(deps.config), "strict");
}

/**
 * Whom a browser's cookie speaks for.
 * @throws Error when there is no such sign-in or it is over; PowerloomError `forbidden` when the person is suspended
 */
export async function identifyBrowser(deps: ApiDeps, token: string): Promise<Caller> {
  const tokenHash = hashToken(token);
  const organisationId = await organisationOf(deps, tokenHash);
  if (organisationId === undefined) throw new Error("there is no such sign-in");
  const now = deps.now();
  const session = await deps.db.readOrganisation(organisationId, (sql) => findConsoleSession(sql, tokenHash));
  if (session === undefined) throw new Error("there is no such sign-in");
  const over = whyOver(session, deps.config.mode, now);
  if (over !== undefined) throw new Error(over);
  if (session.user_status !== "active") {
    await deps.db.inOrganisation(organisationId, (tx) => endConsoleSession(tx, tokenHash, "suspended", now));
    throw new PowerloomError("forbidden", `${session.email} is suspended.`);
  }
  if (seenLongAgo(session, now))
    await deps.db.inOrganisation(organisationId, (tx) => touchConsoleSession(tx, tokenHash, now));
  return {
    organisationId,
    principalId: session.user_id,
    email: session.email,
    act: "",
    sid: "",
    op: null,
    consoleSession: tokenHash,
  };
}

/** Whether the sign-in something was opened with still holds. What came by a token has none to lose. */
export async function stillSignedIn(
  deps: Pick<ApiDeps, "config" | "now">,
  sql: Sql,
  tokenHash: string | undefined,
): Promise<boolean> {
  if (tokenHash === undefined) return true;
  const session = await findConsoleSession(sql, tokenHash);
  return session?.user_status === "active" && whyOver(session, deps.config.mode, deps.now()) === undefined;
}

async function organisationOf(deps: ApiDeps, tokenHash: string): Promise<string | undefined> {
  const found = await deps.db.anywhere.maybe<{ organisation_id: string }>("select * from find_console_session($1)", [
    tokenHash,
  ]);
  return found?.organisation_id;
}

async function endByToken(deps: ApiDeps, token: string, reason: string): Promise<void> {
  const tokenHash = hashToken(token);
  const organisationId = await organisationOf(deps, tokenHash);
  if (organisationId === undefined) return;
  await deps.db.inOrganisation(organisationId, async (tx) => {
    const session = await findConsoleSession(tx, tokenHash);
    if (session !== undefined) await end(deps, tx, { tokenHash, userId: session.user_id }, reason);
  });
}

async function end(
  deps: ApiDeps,
  tx: Tx,
  session: { tokenHash: string; userId: string },
  reason: string,
): Promise<void> {
  if (await endConsoleSession(tx, session.tokenHash, reason, deps.now()))
    audit(deps, tx, session.userId, "console.sign_out", { reason });
}

function audit(
  deps: Pick<ApiDeps, "newId">,
  tx: Tx,
  userId: string,
  operation: "console.sign_in" | "console.sign_out",
  detail: Record<string, unknown>,
): void {
  appendAudit(tx, {
    id: deps.newId(),
    sub: userId,
    act: null,
    delegated_from_session: null,
    operation,
    ou: null,
    target: `user:${userId}`,
    digest: null,
    rule: "own-browser",
    approval_id: null,
    outcome: "applied",
    detail,
  });
}
