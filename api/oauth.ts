import { timingSafeEqual } from "node:crypto";
import express, { type Request, type Response, Router } from "express";
import { runToolOperations } from "../contracts/run-tools.ts";
import { hashToken } from "../core/bearer.ts";
import { PowerloomError } from "../core/errors.ts";
import { isDatabaseAway } from "../db/database.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { isUuid } from "../db/queries/ous.ts";
import { accessTokenType, type Identifier } from "./authenticate.ts";
import type { ApiDeps, Caller } from "./deps.ts";
import { limitByAddress } from "./rate-limits.ts";
import { delegateRunCall, runCapabilityType } from "./run-delegation.ts";
import { introspectCapability, looksLikeCapability } from "./run-introspection.ts";
import { recordSecurityEvent } from "./security-events.ts";

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const sessionBearerType = "urn:powerloom:token-type:session-bearer";
const accessTokenUrn = "urn:ietf:params:oauth:token-type:access_token";
const jwtUrn = "urn:ietf:params:oauth:token-type:jwt";
/** Lifetime of a delegated token, seconds. */
const delegatedSeconds = 300;

class OAuthFault extends Error {
  readonly status: number;
  readonly error: string;
  constructor(status: number, error: string, description: string) {
    super(description);
    this.status = status;
    this.error = error;
  }
}

/** Operations that `powerloom_runs` acts with. It acts with no others, and no other server acts with them. */
const runOperations: ReadonlySet<string> = new Set(Object.values(runToolOperations));

interface BearerFacts {
  organisationId: string;
  sub: string;
  email: string;
  sid: string;
  agentId: string;
  mcpServerId: string;
  audience: string;
  expiresAt: Date | null;
}

/** Token exchange (RFC 8693), introspection (RFC 7662), keys (RFC 7517) and metadata (RFC 8414). */
export function oauthRoutes(deps: ApiDeps, identifier: Pick<Identifier, "byToken">): Router {
  const router = Router();
  const form = express.urlencoded({ extended: false, limit: "20kb" });
  // Our own servers: one process with one secret, two resources. Each learns of its own bearers alone.
  const audiences: Readonly<Record<string, string>> = {
    powerloom_meta: deps.config.mcpPublicUrl,
    powerloom_runs: deps.config.mcpRunsPublicUrl,
  };
  const audienceOf = (client: string) => (Object.hasOwn(audiences, client) ? audiences[client] : undefined);

  router.get("/.well-known/jwks.json", async (_req, res) => {
    res.set("Cache-Control", "public, max-age=60").json(await deps.keys.jwks());
  });

  router.get("/.well-known/oauth-authorization-server", (_req, res) => {
    const base = deps.config.apiUrl;
    res.json({
      issuer: base,
      token_endpoint: `${base}/oauth/token`,
      introspection_endpoint: `${base}/oauth/introspect`,
      jwks_uri: `${base}/.well-known/jwks.json`,
      grant_types_supported: [tokenExchange],
      token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
      introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
      response_types_supported: [],
    });
  });

  // What is good is used up by nobody: only what is refused counts, or a provider of tools would lock its own people out.
  router.use(
    ["/oauth/token", "/oauth/introspect"],
    limitByAddress(deps, { skipSuccessfulRequests: true, skip: (req) => ownServer(req) !== undefined }),
  );

  router.post("/oauth/token", form, async (req, res) => {
    await answering(res, async () => {
      const body = stringFields(req.body);
      if (body["grant_type"] !== tokenExchange)
        throw new OAuthFault(400, "unsupported_grant_type", `only ${tokenExchange} is supported`);
      const op = body["scope"] ?? "";
      if (!/^[a-z_]+\.[a-z_]+$/.test(op)) throw new OAuthFault(400, "invalid_scope", "scope must name one operation");
      const token = body["subject_token"] ?? "";
      const claims =
        body["subject_token_type"] === sessionBearerType
          ? await fromSessionBearer(req, token, op)
          : body["subject_token_type"] === accessTokenUrn
            ? await fromUserToken(token, body["actor_client"] ?? "", op)
            : body["subject_token_type"] === runCapabilityType
              ? await fromRunCapability(token, op)
              : undefined;
      if (claims === undefined)
        throw new OAuthFault(
          400,
          "invalid_request",
          `subject_token_type must be ${sessionBearerType}, ${accessTokenUrn} or ${runCapabilityType}`,
        );
      const access_token = await deps.keys.sign(
        { ...claims, op },
        { typ: accessTokenType, audience: deps.config.apiUrl, seconds: delegatedSeconds, now: deps.now() },
      );
      return { access_token, issued_token_type: jwtUrn, token_type: "Bearer", expires_in: delegatedSeconds, scope: op };
    });
  });

  router.post("/oauth/introspect", form, async (req, res) => {
    await answering(res, async () => {
      const client = await authenticateClient(req);
      const { token = "", refused } = stringFields(req.body);
      if (looksLikeCapability(token)) return introspectCapability(deps, client, token);
      const facts = await findBearer(token);
      // A server learns about bearers made for itself and no others (RFC 7662 §4).
      const audience = audienceOf(client);
      const forThisClient = audience === undefined ? facts?.mcpServerId === client : facts?.audience === audience;
      if (facts === undefined || !forThisClient) {
        // Others ask about what they like; what our own servers are given should have been a bearer. Of what was none by its
        // looks they tell us why, and not what it was.
        const reason = refused ?? (facts === undefined ? "unknown, revoked, or its session has ended" : "for another");
        if (audience !== undefined)
          await recordSecurityEvent(deps, "invalid_bearer", { where: client, reason: reason.slice(0, 200) });
        return { active: false };
      }
      return {
        active: true,
        token_type: "Bearer",
        client_id: facts.agentId,
        sub: facts.sub,
        username: facts.email === "" ? undefined : facts.email,
        sid: facts.sid === "" ? undefined : facts.sid,
        act: { sub: `agent:${facts.agentId}` },
        aud: facts.audience,
        iss: deps.config.apiUrl,
        exp: Math.floor((facts.expiresAt ?? new Date(deps.now().getTime() + 3600_000)).getTime() / 1000),
      };
    });
  });

  return router;

  async function fromSessionBearer(req: Request, bearer: string, op: string) {
    const client = await authenticateClient(req);
    const audience = audienceOf(client);
    if (audience === undefined)
      throw new OAuthFault(401, "invalid_client", "only our own MCP servers exchange session bearers");
    if (runOperations.has(op) !== (client === "powerloom_runs"))
      throw new OAuthFault(400, "invalid_scope", `${client} does not act with ${op}`);
    const facts = await findBearer(bearer);
    if (facts === undefined || facts.sid === "" || facts.audience !== audience) {
      await recordSecurityEvent(deps, "invalid_bearer", { where: "token exchange" });
      throw new OAuthFault(400, "invalid_grant", "the session bearer is unknown, revoked, or its session has ended");
    }
    return {
      sub: facts.sub,
      org: facts.organisationId,
      act: { sub: `agent:${facts.agentId}` },
      sid: facts.sid,
      mcp: facts.mcpServerId,
      client_id: client,
    };
  }

  async function fromUserToken(token: string, clientName: string, op: string) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(clientName))
      throw new OAuthFault(400, "invalid_request", "actor_client must name the client: letters, digits, '.', '_', '-'");
    let caller: Caller;
    try {
      caller = await identifier.byToken(token);
    } catch (error) {
      if ((error instanceof PowerloomError && error.code === "unavailable") || isDatabaseAway(error)) throw error;
      const reason = error instanceof Error ? error.message : "the token was refused";
      await recordSecurityEvent(deps, "invalid_token", { reason, where: "token exchange" });
      throw new OAuthFault(400, "invalid_grant", reason);
    }
    if (caller.act !== "") {
      await auditFurtherDelegation(caller, op);
      throw new OAuthFault(400, "invalid_grant", "a delegated token cannot be delegated further");
    }
    return {
      sub: caller.principalId,
      org: caller.organisationId,
      act: { sub: `client:${clientName}` },
      client_id: clientName,
    };
  }

  /** The token was good, so the organisation is known: this refusal is an entry of its audit trail. */
  function auditFurtherDelegation({ organisationId, principalId, act, sid }: Caller, op: string): Promise<void> {
    return deps.db.inOrganisation(organisationId, (tx) =>
      appendAudit(tx, {
        id: deps.newId(),
        sub: principalId,
        act,
        delegated_from_session: sid === "" ? null : sid,
        operation: "token.exchange",
        ou: null,
        target: null,
        digest: null,
        rule: "not-delegable",
        approval_id: null,
        outcome: "refused",
        detail: { operation: op },
      }),
    );
  }

  async function fromRunCapability(token: string, op: string) {
    const delegated = await delegateRunCall(deps, token, op);
    if (delegated.ok) return delegated.claims;
    await recordSecurityEvent(deps, "invalid_capability", { reason: delegated.reason, where: "token exchange" });
    throw new OAuthFault(400, "invalid_grant", "the capability is not one of this call, or the call is over");
  }

  /** A bearer in force, whatever its kind; undefined for all others, without saying why. */
  async function findBearer(token: string): Promise<BearerFacts | undefined> {
    if (!/^pl[cs]_[A-Za-z0-9_-]{43}$/.test(token)) return undefined;
    const hash = hashToken(token);
    const found = await deps.db.anywhere.maybe<{ organisation_id: string; kind: string }>(
      "select * from find_bearer($1)",
      [hash],
    );
    if (found === undefined) return undefined;
    const { organisation_id: organisationId, kind } = found;
    return deps.db.readOrganisation(organisationId, async (tx) => {
      const row = await tx.maybe<{
        sub: string;
        email: string;
        sid: string;
        agent_id: string;
        mcp_server_id: string;
        url: string;
        expires_at: Date | null;
      }>(
        kind === "session"
          ? `select u.id as sub, u.email, s.id::text as sid, b.agent_id, b.mcp_server_id, m.url, null as expires_at
               from session_bearers b
               join sessions s on s.id = b.session_id and s.ended_at is null
               join users u on u.id = s.invoker_id and u.status = 'active'
               join agents a on a.id = b.agent_id and a.deleted_at is null
               join mcp_servers m on m.id = b.mcp_server_id and m.removed_at is null
              where b.bearer_hash = $1 and b.revoked_at is null`
          : `select 'agent:' || a.id as sub, '' as email, '' as sid, c.agent_id, c.mcp_server_id, m.url, c.expires_at
               from credentials c
               join agents a on a.id = c.agent_id and a.deleted_at is null
               join users u on u.id = a.owner_id and u.status = 'active'
               join mcp_servers m on m.id = c.mcp_server_id and m.removed_at is null
              where c.bearer_hash = $1 and c.revoked_at is null and (c.expires_at is null or c.expires_at > $2)`,
        kind === "session" ? [hash] : [hash, deps.now()],
      );
      if (row === undefined) return undefined;
      return {
        organisationId,
        sub: row.sub,
        email: row.email,
        sid: row.sid,
        agentId: row.agent_id,
        mcpServerId: row.mcp_server_id,
        audience: row.url,
        expiresAt: row.expires_at,
      };
    });
  }

  /** Which of our own servers asks: it has proved it by its secret. */
  function ownServer(req: Request): string | undefined {
    const { id, secret } = basicCredentials(req);
    return audienceOf(id) !== undefined && sameSecret(secret, deps.config.mcpClientSecret) ? id : undefined;
  }

  /** One of our own servers, or the id of an MCP server registration. */
  async function authenticateClient(req: Request): Promise<string> {
    const own = ownServer(req);
    if (own !== undefined) return own;
    const { id, secret } = basicCredentials(req);
    if (isUuid(id)) {
      const row = await deps.db.anywhere.maybe<{ introspection_hash: string }>(
        "select introspection_hash from find_introspection_client($1)",
        [id],
      );
      if (row !== undefined && sameSecret(hashToken(secret), row.introspection_hash)) return id;
    }
    await recordSecurityEvent(deps, "invalid_client", { client: id.slice(0, 64) });
    throw new OAuthFault(401, "invalid_client", "the client is unknown or its secret is wrong");
  }
}

/** HTTP Basic (RFC 6749 §2.3.1); empty when there is none. */
function basicCredentials(req: Request): { id: string; secret: string } {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/.exec(req.get("authorization") ?? "")?.[1];
  const [id = "", secret = ""] = Buffer.from(encoded ?? "", "base64")
    .toString("utf8")
    .split(/:(.*)/s);
  return { id, secret };
}

async function answering(res: Response, body: () => Promise<Record<string, unknown>>): Promise<void> {
  res.set("Cache-Control", "no-store");
  try {
    res.json(await body());
  } catch (error) {
    if (!(error instanceof OAuthFault)) throw error;
    if (error.status === 401) res.set("WWW-Authenticate", "Basic");
    res.status(error.status).json({ error: error.error, error_description: error.message });
  }
}

function stringFields(body: unknown): Record<string, string> {
  if (typeof body !== "object" || body === null) return {};
  return Object.fromEntries(
    Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(given)), Buffer.from(hashToken(expected)));
}
