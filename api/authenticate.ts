import type { NextFunction, Request, Response } from "express";
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose";
import { PowerloomError } from "../core/errors.ts";
import { isDatabaseAway, type Sql, type Tx } from "../db/database.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { isUuid } from "../db/queries/ous.ts";
import { storable } from "../db/storable.ts";
import { readCookie, sessionCookieName } from "./console/cookies.ts";
import { crossSite, refusedOrigin } from "./console/same-origin.ts";
import { forgetConsoleSession, identifyBrowser } from "./console/sessions.ts";
import type { ApiDeps, Caller } from "./deps.ts";
import { createOidcVerifier } from "./oidc.ts";
import { requireLiveRunCall } from "./run-delegation.ts";
import { recordSecurityEvent } from "./security-events.ts";
import { requireUnambiguous } from "./token-form.ts";

/** Claims of a delegated token (RFC 8693 `act`, RFC 9068 `at+jwt`). */
interface OwnClaims extends JWTPayload {
  org?: string;
  act?: unknown;
  sid?: string;
  op?: string;
  /** The MCP server registration a session bearer was exchanged for. */
  mcp?: string;
}

/** Sent by the console: whom its page shows as signed in. */
const personHeader = "Powerloom-Person";

export const accessTokenType = "at+jwt";

/** The caller of an authenticated request. */
export function callerOf(res: Response): Caller {
  return res.locals["caller"] as Caller;
}

/** Nobody in question matches a token that is otherwise good. */
export class NobodyMatches extends Error {}

export interface Identifier {
  /** Whom a token speaks for. Throws when it is not good. */
  byToken(token: string): Promise<Caller>;
  /** The same for an identity provider's token that was asked for to sign in to this one organisation. */
  bySignIn(token: string, issuer: string, organisationId: string): Promise<Caller>;
}

/**
 * Middleware: a valid token, or else the cookie of a browser that is signed in; otherwise 401 and, when something was sent
 * that might have been one, an entry in `security_events` (it belongs to no organisation). Whoever sends a token is never
 * taken for the cookie's person.
 */
export function authenticate(deps: ApiDeps, identifier: Identifier) {
  return async (req: Request, res: Response, next: NextFunction): Promise<void> => {
    const cookie = req.get("authorization") === undefined ? readCookie(req, sessionCookieName(deps.config)) : undefined;
    if (cookie === undefined) await byToken(req, res);
    else await byCookie(req, res, cookie);
    next();
  };

  async function byCookie(req: Request, res: Response, cookie: string): Promise<void> {
    const reason = crossSite(deps.config, req);
    if (reason !== undefined) {
      await recordSecurityEvent(deps, "cross_site_request", { reason, method: req.method, path: req.path });
      throw refusedOrigin(reason);
    }
    // A page can send other types without being asked for leave; what is not read as JSON would pass for an empty body.
    if (req.is("json") === false && req.get("content-length") !== "0")
      throw new PowerloomError("unsupported_media_type", "Send application/json in UTF-8.");
    try {
      const caller = await identifyBrowser(deps, cookie);
      res.locals["caller"] = caller;
      requireSamePerson(req, caller);
    } catch (error) {
      const suspended = error instanceof PowerloomError && error.code === "forbidden";
      if (!suspended && (error instanceof PowerloomError || isDatabaseAway(error))) throw error;
      const why = error instanceof Error ? error.message : "unknown";
      await recordSecurityEvent(deps, suspended ? "suspended_principal" : "invalid_sign_in", {
        reason: why,
        path: req.path,
      });
      forgetConsoleSession(deps, res);
      if (suspended) throw error;
      throw new PowerloomError("unauthenticated", `Sign in again: ${why}.`, {}, { cause: error });
    }
  }

  async function byToken(req: Request, res: Response): Promise<void> {
    // Of several, Node takes the first; a proxy in front of us may have judged by another.
    const given = req.headersDistinct["authorization"] ?? [];
    const token = given.length === 1 ? /^Bearer ([\x21-\x7e]+)$/i.exec(given[0] ?? "")?.[1] : undefined;
    if (token === undefined) {
      if (given.length > 0)
        await recordSecurityEvent(deps, "invalid_token", { reason: "it is not one bearer token", path: req.path });
      throw new PowerloomError(
        "unauthenticated",
        "Send `Authorization: Bearer <token>`. Get one with `powerloom login`.",
      );
    }
    try {
      res.locals["caller"] = await identifier.byToken(token);
    } catch (error) {
      if (error instanceof PowerloomError && error.code !== "unauthenticated") {
        if (error.code === "forbidden")
          await recordSecurityEvent(deps, "suspended_principal", { reason: error.message, path: req.path });
        throw error;
      }
      // A database that is away says nothing about the token: whoever is told 401 throws good credentials away.
      if (isDatabaseAway(error)) throw error;
      const reason = error instanceof Error ? error.message : "unknown";
      await recordSecurityEvent(deps, "invalid_token", { reason, path: req.path });
      throw new PowerloomError("unauthenticated", `The token was refused: ${reason}.`, {}, { cause: error });
    }
  }
}

/** A browser has one cookie for all its windows: what one of them shows as somebody's is not done in another's name. */
function requireSamePerson(req: Request, caller: Caller): void {
  const meant = req.get(personHeader);
  if (meant === undefined || meant === caller.principalId) return;
  throw new PowerloomError(
    "conflict",
    `This page was loaded for somebody else than ${caller.email}, who has signed in meanwhile. Nothing was done: load it again.`,
    { rule: "same-person" },
  );
}

/** Says who a token speaks for: ours (dev login, delegated), or one of an identity provider an organisation trusts. */
export function createIdentifier(deps: ApiDeps): Identifier {
  const oidc = createOidcVerifier();
  return { byToken, bySignIn: identifyForeign };

  async function byToken(token: string): Promise<Caller> {
    requireUnambiguous(token);
    const issuer: unknown = decodeJwt(token).iss;
    if (issuer === deps.config.apiUrl) return identifyOwn(token);
    if (typeof issuer !== "string" || storable(issuer) !== issuer) throw new Error("it names no issuer");
    return identifyForeign(token, issuer);
  }

  async function identifyOwn(token: string): Promise<Caller> {
    const now = deps.now();
    const claims: OwnClaims = await deps.keys.verify(token, {
      typ: accessTokenType,
      audience: deps.config.apiUrl,
      now,
    });
    // What is signed has been checked, but not what it is.
    const { sub = "", org = "" } = claims;
    if (!isUuid(sub) || !isUuid(org)) throw new Error("it names no principal");
    const act = actorOf(claims);
    return deps.db.readOrganisation(org, async (tx) => {
      // Asked together: both must hold, and neither waits for the other.
      const [user] = await Promise.all([
        activeUser(tx, sub),
        act.startsWith("agent:") ? requireLiveDelegation(tx, claims) : undefined,
        act.startsWith("run:") ? requireLiveRunCall(tx, org, claims) : undefined,
      ]);
      // Of a person, directly, only dev login makes tokens: one that outlived dev mode holds no longer.
      if (act === "" && deps.config.mode !== "dev") throw new Error("it is of dev login, and this is not dev mode");
      if (act !== "" && claims.op === undefined) throw new Error("it is delegated, and names no operation");
      return {
        organisationId: org,
        principalId: user.id,
        email: user.email,
        act,
        sid: claims.sid ?? "",
        op: act === "" ? null : (claims.op ?? null),
      };
    });
  }

  /** @param only the organisation to sign in to; a match in any other is none */
  async function identifyForeign(token: string, issuer: string, only?: string): Promise<Caller> {
    const providers = await deps.db.anywhere.rows<{ organisation_id: string; audience: string }>(
      "select * from find_identity_providers($1)",
      [issuer],
    );
    if (providers.length === 0) throw new Error("no organisation trusts its issuer");
    if (decodeProtectedHeader(token).alg === "none") throw new Error("it is not signed");
    const claims = await oidc.verify(
      token,
      issuer,
      providers.map((provider) => provider.audience),
      deps.now(),
    );
    if (typeof claims.sub !== "string") throw new Error("it names no principal");
    // Whoever acts for a person through us has a token of ours, which says so: this person would seem to act alone.
    if ("act" in claims) throw new Error("it names an actor, and is not of this control plane");
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    const candidates = providers.filter((provider) => audiences.includes(provider.audience));
    const linked = () => callersIn(candidates, (tx) => findLinked(tx, issuer, claims)).then(onlyOne);
    const caller = (await linked()) ?? (await firstSignIn()) ?? (await linked()) ?? nobody();
    return isWanted(caller) ? caller : nobody();

    function isWanted(found: Caller): boolean {
      return only === undefined || found.organisationId === only;
    }

    async function firstSignIn(): Promise<Caller | undefined> {
      // Several organisations may trust one issuer. Whoever adds somebody else's address must not get their first sign-in.
      const first = onlyOne(await callersIn(candidates, (tx) => findByVerifiedAddress(tx, claims)));
      if (first === undefined || !isWanted(first)) return undefined;
      const id = await deps.db.inOrganisation(first.organisationId, (tx) => linkFirstSignIn(tx, issuer, claims));
      return id === undefined ? undefined : { ...first, principalId: id };
    }
  }

  function onlyOne(callers: Caller[]): Caller | undefined {
    if (callers.length > 1)
      throw new NobodyMatches("several organisations that trust its issuer have a user that matches it");
    return callers[0];
  }

  function nobody(): never {
    throw new NobodyMatches("no user of an organisation that trusts its issuer matches it");
  }

  /** The callers that `find` names, at most one per organisation. */
  async function callersIn(
    candidates: { organisation_id: string }[],
    find: (tx: Sql) => Promise<string | undefined>,
  ): Promise<Caller[]> {
    const callers: Caller[] = [];
    for (const { organisation_id: organisationId } of candidates)
      await deps.db.readOrganisation(organisationId, async (tx) => {
        const id = await find(tx);
        if (id === undefined) return;
        const user = await activeUser(tx, id);
        callers.push({ organisationId, principalId: user.id, email: user.email, act: "", sid: "", op: null });
      });
    return callers;
  }

  async function findLinked(tx: Sql, issuer: string, claims: JWTPayload): Promise<string | undefined> {
    const known = await tx.maybe<{ id: string }>(
      "select id from users where external_issuer = $1 and external_subject = $2",
      [issuer, claims.sub],
    );
    return known?.id;
  }

  async function findByVerifiedAddress(tx: Sql, { email, email_verified }: JWTPayload): Promise<string | undefined> {
    if (typeof email !== "string" || email_verified !== true) return undefined;
    const user = await tx.maybe<{ id: string }>(
      "select id from users where email = lower($1) and external_subject is null",
      [email],
    );
    return user?.id;
  }

  /**
   * First sign-in: the verified address links the person to issuer and subject, and only those count from then on.
   * @returns the person's id, or undefined when there is nobody to link
   */
  async function linkFirstSignIn(tx: Tx, issuer: string, claims: JWTPayload): Promise<string | undefined> {
    const { sub, email, email_verified: verified } = claims;
    if (typeof email !== "string" || verified !== true) return undefined;
    const linked = await tx.maybe<{ id: string }>(
      `update users set external_issuer = $1, external_subject = $2
        where email = lower($3) and external_subject is null returning id`,
      [issuer, sub, email],
    );
    if (linked === undefined) return undefined;
    appendAudit(tx, {
      id: deps.newId(),
      sub: linked.id,
      act: null,
      delegated_from_session: null,
      operation: "user.link",
      ou: null,
      target: `user:${linked.id}`,
      digest: null,
      rule: "verified-email",
      approval_id: null,
      outcome: "applied",
      detail: { issuer, subject: sub },
    });
    return linked.id;
  }
}

/** The session a delegated token came from must still be open, its bearer unrevoked, its registration in force. */
async function requireLiveDelegation(tx: Sql, claims: OwnClaims): Promise<void> {
  const live = await tx.maybe(
    `select from session_bearers b
       join sessions s on s.id = b.session_id and s.ended_at is null and s.invoker_id = $3
       join mcp_servers m on m.id = b.mcp_server_id and m.removed_at is null
      where b.session_id = $1 and b.mcp_server_id = $2 and b.revoked_at is null`,
    [claims.sid, claims.mcp, claims.sub],
  );
  if (live === undefined) throw new Error("its session has ended, or its access was revoked");
}

async function activeUser(tx: Sql, id: string): Promise<{ id: string; email: string }> {
  const user = await tx.maybe<{ id: string; email: string; status: string }>(
    "select id, email, status from users where id = $1",
    [id],
  );
  if (user === undefined) throw new Error("its principal does not exist");
  if (user.status !== "active") throw new PowerloomError("forbidden", `${user.email} is suspended.`);
  return user;
}

/** Through whom a token of ours speaks; empty for the person directly. Whatever is not of the form we sign is no person. */
function actorOf({ act }: OwnClaims): string {
  if (act === undefined) return "";
  const { sub, ...more } = { ...(act as { sub?: unknown } | null) };
  if (typeof sub !== "string" || !/^(agent|run|client):./.test(sub) || Object.keys(more).length > 0)
    throw new Error("its actor is none of ours");
  return sub;
}

/** With a delegated token only the one operation it names may be asked for, and only if it may be delegated at all. */
export function requireDelegable(caller: Caller, operation: string, delegable: boolean): void {
  if (caller.act === "") return;
  if (!delegable)
    throw new PowerloomError("forbidden", `A delegated token may not be used for \`${operation}\`.`, {
      rule: "not-delegable",
    });
  if (caller.op !== operation)
    throw new PowerloomError("forbidden", `This token was made for \`${caller.op}\`, not for \`${operation}\`.`, {
      rule: "other-operation",
    });
}
