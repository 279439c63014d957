import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from "jose";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSigningKeys } from "../../../api/signing-keys.ts";
import { seal } from "../../../core/sealing.ts";
import { ask, exchangeBearer, exchangeUserToken } from "../../support/ask.ts";
import { query } from "../../support/database.ts";
import { everything } from "../../support/everything.ts";
import { sharedStack } from "../../support/organisation.ts";
import { startOwnApi } from "../../support/own-api.ts";
import { auditOf } from "../governance/stage.ts";
import { type Forgery, forgeries } from "./forgeries.ts";
import { foreignIssuer, type Issuer, ownIssuer } from "./issuers.ts";
import { callTool, rpc, type Server, toolTrials } from "./mcp-calls.ts";
import { openSession, theWorld, type World } from "./world.ts";

const stack = sharedStack();
let world: World;
let own: Issuer;
let foreign: Awaited<ReturnType<typeof foreignIssuer>>;
/** Where `jku` and `x5u` point to. */
let lure: { url: string; visits: () => number; close: () => void };

beforeAll(async () => {
  world = await theWorld();
  const { admin, organisationId } = world.home;
  const { principal_id: sub } = await admin.get<{ principal_id: string }>("/me");
  own = await ownIssuer({ sub, org: organisationId });
  foreign = await foreignIssuer();
  let visits = 0;
  const server = createServer((_request, response) => {
    visits += 1;
    response.end(JSON.stringify({ keys: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  lure = { url, visits: () => visits, close: () => server.close() };
});
afterAll(async () => {
  lure.close();
  await foreign.close();
});

interface SecurityEvent {
  kind: string;
  detail: { reason?: string; path?: string; where?: string };
}

const events = new Client({ connectionString: stack.adminUrl });
beforeAll(() => events.connect());
afterAll(() => events.end());

/** What happens meanwhile, and the security events that are recorded by then. */
async function recorded<Result>(body: () => Promise<Result>): Promise<{ result: Result; events: SecurityEvent[] }> {
  const last = await events.query<{ id: string }>("select coalesce(max(id), 0) as id from security_events");
  const result = await body();
  const since = await events.query<SecurityEvent>(
    "select kind, detail from security_events where id > $1 order by id",
    [last.rows[0]?.id],
  );
  return { result, events: since.rows };
}

/** A request to an MCP server with any Authorization header. */
const knock = (server: Server, token: string) => rpc(server, `Bearer ${token}`, "tools/list", {});

const issuers = { own: () => own, foreign: () => foreign };
const cases = (["own", "foreign"] as const).flatMap((whose) =>
  forgeries
    .filter(({ only }) => only === undefined || only === whose)
    .map((forgery): [string, "own" | "foreign", Forgery] => [
      `${whose === "own" ? "our own" : "an identity provider's"} token, ${forgery.what},`,
      whose,
      forgery,
    ]),
);

describe("a token that does not hold is refused, and recorded, everywhere", () => {
  test.each(["own", "foreign"] as const)("the control: a good one (%s) is taken", async (whose) => {
    const { result, events } = await recorded(async () => {
      const token = await issuers[whose]().sign();
      return [(await ask(token, "GET", "/me")).status, (await exchangeUserToken(token, "me.get", "x")).status];
    });
    expect(result).toEqual([200, 200]);
    expect(events).toEqual([]);
  });

  test.each(cases)("%s", async (_what, whose, { make, reason }) => {
    const token = await make(issuers[whose](), lure.url);
    const atApi = await recorded(async () => [
      (await ask(token, "GET", "/me")).status,
      (await exchangeUserToken(token, "agent.list", "editor")).status,
    ]);
    expect(atApi.result).toEqual([401, 400]);
    expect(atApi.events).toMatchObject([
      { kind: "invalid_token", detail: { path: "/me", reason: expect.stringMatching(reason) } },
      { kind: "invalid_token", detail: { where: "token exchange", reason: expect.stringMatching(reason) } },
    ]);
    // Never the token itself.
    expect(JSON.stringify(atApi.events)).not.toContain(token.slice(0, 40));
    // Our MCP servers look at no token's contents: another issuer makes no difference there.
    if (whose === "foreign" && !everything) return;
    const atServers = await recorded(async () => [
      (await knock("meta", token)).http,
      (await knock("runs", token)).http,
    ]);
    expect(atServers.result).toEqual([401, 401]);
    expect(atServers.events).toMatchObject([
      { kind: "invalid_bearer", detail: { where: "powerloom_meta" } },
      { kind: "invalid_bearer", detail: { where: "powerloom_runs" } },
    ]);
    expect(JSON.stringify(atServers.events)).not.toContain(token.slice(0, 40));
  });

  test("and nobody has gone where a token pointed to", () => {
    expect(lure.visits()).toBe(0);
  });
});

/** One request as it stands, with headers no client would send. */
async function raw(lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(stack.apiUrl);
  const socket = connect(Number(port), hostname);
  socket.write(["GET /me HTTP/1.1", "Host: localhost", "Connection: close", ...lines, "", ""].join("\r\n"));
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer.split("\r\n")[0] ?? "";
}

describe("an Authorization header", () => {
  test.each([
    ["twice, the good one first", async (good: string) => [`Authorization: Bearer ${good}`, "Authorization: Bearer x"]],
    ["twice, the good one last", async (good: string) => ["Authorization: Bearer x", `Authorization: Bearer ${good}`]],
    ["twice the same", async (good: string) => [`Authorization: Bearer ${good}`, `authorization: Bearer ${good}`]],
    ["of another scheme", async (good: string) => [`Authorization: Basic ${good}`]],
    ["without a scheme", async (good: string) => [`Authorization: ${good}`]],
    ["with two tokens", async (good: string) => [`Authorization: Bearer ${good}, ${good}`]],
    ["that is empty", async () => ["Authorization: "]],
  ])("%s is refused and recorded", async (_what, lines) => {
    const { result, events } = await recorded(async () => raw(await lines(await own.sign())));
    expect(result).toContain(" 401 ");
    expect(events).toEqual([{ kind: "invalid_token", detail: { path: "/me", reason: "it is not one bearer token" } }]);
  });

  test.each([
    [
      "folded over two lines",
      (good: string) => [`Authorization: Bearer ${good.slice(0, 20)}`, ` ${good.slice(20)}`],
      " 400 ",
    ],
    ["with a NUL", (good: string) => [`Authorization: Bearer ${good}\u0000`], " 400 "],
    ["beyond what HTTP takes", (good: string) => [`Authorization: Bearer ${good}${"x".repeat(20_000)}`], " 431 "],
  ])("%s is no request at all", async (_what, lines, status) => {
    expect(await raw(lines(await own.sign()))).toContain(status);
  });

  test("that is not there is asked for, and is nothing to record", async () => {
    const { result, events } = await recorded(() => raw([]));
    expect(result).toContain(" 401 ");
    expect(events).toEqual([]);
  });
});

test("a client's name that no record can hold does not hide the attempt", async () => {
  const { result, events } = await recorded(() =>
    exchangeBearer(`pls_${"x".repeat(43)}`, "agent.list", "wrong", "powerloom\u0000meta"),
  );
  expect(result.status).toBe(401);
  expect(events).toEqual([{ kind: "invalid_client", detail: { client: "powerloom\ufffdmeta" } }]);
});

describe("what a session has", () => {
  const whoami = (token: string) => ask(token, "GET", "/agents");
  const listOf = (server: Server) =>
    toolTrials.find(({ tool }) => tool === (server === "meta" ? "list_ous" : "list_runs"));
  const use = async (server: Server, bearer: string) => {
    const trial = listOf(server);
    if (trial === undefined) throw new Error("there is no such tool");
    return (await callTool(bearer, trial, world.targets.own)).http;
  };
  const delegated = async (bearer: string, scope = "agent.list") => {
    const { status, body } = await exchangeBearer(bearer, scope);
    return status === 200 ? String(body["access_token"]) : `refused with ${status}`;
  };

  test.each(["meta", "runs"] as const)(
    "a bearer of powerloom_%s is taken as it was made, and in no other form",
    async (server) => {
      const { bearers } = await openSession(world, world.atOwn.OUAdmin.id);
      const bearer = bearers[server];
      expect(await use(server, bearer)).toBe(200);
      const other = bearers[server === "meta" ? "runs" : "meta"];
      const wrong = [
        ["of the other server", other],
        ["unknown", `pls_${"u".repeat(43)}`],
        ["padded", `${bearer}=`],
        ["longer", `${bearer}A`],
        ["shorter", bearer.slice(0, -1)],
        ["of another kind", bearer.replace("pls_", "plc_")],
        ["in capitals", bearer.toUpperCase()],
        ["with a space within", `${bearer.slice(0, 10)} ${bearer.slice(10)}`],
        ["twice", `${bearer}, ${bearer}`],
        ["too long", `pls_${"x".repeat(10_000)}`],
      ];
      for (const [what, token = ""] of wrong) {
        const { result, events } = await recorded(() => knock(server, token));
        expect([what, result.http, events]).toMatchObject([
          what,
          401,
          [{ kind: "invalid_bearer", detail: { where: `powerloom_${server}` } }],
        ]);
        expect(JSON.stringify(events)).not.toContain(bearer.slice(4, 30));
      }
      // At the API it is nothing, whichever it is.
      const { result, events } = await recorded(() => whoami(bearer));
      expect([result.status, events]).toMatchObject([401, [{ kind: "invalid_token", detail: { path: "/agents" } }]]);
    },
  );

  test("ends with the session, tokens made from it included, and each later attempt is recorded", async () => {
    const emma = world.atOwn.OUAdmin;
    const { id, bearers } = await openSession(world, emma.id);
    const token = await delegated(bearers.meta);
    expect([(await whoami(token)).status, await use("meta", bearers.meta), await use("runs", bearers.runs)]).toEqual([
      200, 200, 200,
    ]);
    expect((await emma.send("POST", `/sessions/${id}/end`, {})).status).toBe(200);
    const { result, events } = await recorded(async () => [
      (await whoami(token)).status,
      await use("meta", bearers.meta),
      await use("runs", bearers.runs),
      await delegated(bearers.meta),
    ]);
    expect(result).toEqual([401, 401, 401, "refused with 400"]);
    expect(events).toMatchObject([
      { kind: "invalid_token", detail: { path: "/agents", reason: expect.stringContaining("session has ended") } },
      { kind: "invalid_bearer", detail: { where: "powerloom_meta" } },
      { kind: "invalid_bearer", detail: { where: "powerloom_runs" } },
      { kind: "invalid_bearer", detail: { where: "token exchange" } },
    ]);
  });

  test("ends with the person, and each later attempt is recorded", async () => {
    const person = await world.home.person("leaver", { roles: [{ role: "OUAdmin", ou: world.home.root }] });
    const { bearers } = await openSession(world, person.id);
    const token = await delegated(bearers.meta);
    const client = String((await exchangeUserToken(person.token, "agent.list", "editor")).body["access_token"]);
    for (const good of [person.token, token, client]) expect((await whoami(good)).status).toBe(200);
    await query("update users set status = 'suspended' where id = $1", [person.id]);
    const { result, events } = await recorded(async () => [
      (await whoami(person.token)).status,
      (await whoami(token)).status,
      (await whoami(client)).status,
      (await exchangeUserToken(person.token, "agent.list", "editor")).status,
      await use("meta", bearers.meta),
      await use("runs", bearers.runs),
      await delegated(bearers.meta),
    ]);
    expect(result).toEqual([403, 403, 403, 400, 401, 401, "refused with 400"]);
    expect(events.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 3 }, () => "suspended_principal"),
      "invalid_token",
      ...Array.from({ length: 3 }, () => "invalid_bearer"),
    ]);
  });

  test("cannot be handed on: who asks for more with a delegated token is refused, and that is audited", async () => {
    const { id, bearers } = await openSession(world, world.atOwn.OUAdmin.id);
    const token = await delegated(bearers.meta);
    const before = (await auditOf(world.home.organisationId)).length;
    const { result, events } = await recorded(() => exchangeUserToken(token, "binding.create", "editor"));
    expect(result).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect(events).toEqual([]);
    const entries = (await auditOf(world.home.organisationId)).slice(before);
    expect(entries.map(({ operation, outcome, sub, body }) => ({ operation, outcome, sub, body }))).toMatchObject([
      {
        operation: "token.exchange",
        outcome: "refused",
        sub: world.atOwn.OUAdmin.id,
        body: {
          rule: "not-delegable",
          delegated_from_session: id,
          act: `agent:${world.hands.agent}`,
          detail: { operation: "binding.create" },
        },
      },
    ]);
  });

  test("with its actor taken away is nothing, and no person's token in production even if it were signed", async () => {
    const { bearers } = await openSession(world, world.atOwn.OUAdmin.id);
    const [header, payload, signature] = (await delegated(bearers.meta)).split(".");
    const {
      act: _act,
      op: _op,
      ...claims
    } = JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as Record<string, unknown>;
    const stripped = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
    const production = await startOwnApi({ POWERLOOM_API_URL: stack.apiUrl });
    try {
      const { result, events } = await recorded(async () => [
        (await whoami(stripped)).status,
        (await ask(await own.sign(claims), "GET", "/me", undefined, production.url)).status,
      ]);
      expect(result).toEqual([401, 401]);
      expect(events).toMatchObject([
        { kind: "invalid_token", detail: { reason: expect.stringContaining("signature") } },
        { kind: "invalid_token", detail: { reason: expect.stringContaining("dev login") } },
      ]);
    } finally {
      await production.close();
    }
  });
});

describe("when the signing key is rotated in the middle of a session", () => {
  test("tokens of the old key hold until they end, and the session goes on with the new one", async () => {
    const { bearers } = await openSession(world, world.atOwn.OUAdmin.id);
    const api = await startOwnApi();
    const exchange = async () => {
      const response = await fetch(`${api.url}/oauth/token`, {
        method: "POST",
        headers: {
          authorization: `Basic ${Buffer.from(`powerloom_meta:${stack.mcpClientSecret}`).toString("base64")}`,
        },
        body: new URLSearchParams({
          grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
          subject_token: bearers.meta,
          subject_token_type: "urn:powerloom:token-type:session-bearer",
          scope: "agent.list",
        }),
      });
      return String(((await response.json()) as Record<string, unknown>)["access_token"]);
    };
    const list = async (token: string) => (await ask(token, "GET", "/agents", undefined, api.url)).status;
    try {
      const before = await exchange();
      await api.deps.keys.rotate();
      const after = await exchange();
      expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
      expect([await list(before), await list(after)]).toEqual([200, 200]);
      // To the second: the last moment of the old token, and the one after.
      const end = decodeJwt(before).exp ?? 0;
      const at = (milliseconds: number) =>
        api.deps.keys
          .verify(before, { typ: "at+jwt", audience: api.url, now: new Date(end * 1000 + milliseconds) })
          .then(
            () => "holds",
            (error: { code?: string }) => error.code,
          );
      expect([await at(-1), await at(0)]).toEqual(["holds", "ERR_JWT_EXPIRED"]);
      api.shiftClock(301);
      expect([await list(before), await list(after)]).toEqual([401, 401]);
      expect(await list(await exchange())).toBe(200);
    } finally {
      await api.close();
    }
  });

  test("a key that has retired verifies nothing from that moment on, however lately it was looked up", async () => {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { extractable: true });
    const kid = `retiring-${crypto.randomUUID()}`;
    const sealed = seal(Buffer.from(stack.sealingKey, "base64url"), JSON.stringify(await exportJWK(privateKey)));
    const retires = new Date(Date.now() + 1_500);
    // Old, so that nobody signs with it meanwhile.
    await query(
      `insert into signing_keys (kid, public_jwk, sealed_private_jwk, created_at, retires_at)
       values ($1, $2, $3, now() - interval '31 days', $4)`,
      [kid, { ...(await exportJWK(publicKey)), kid, alg: "EdDSA", use: "sig" }, sealed, retires],
    );
    const keys = await openSigningKeys({
      databaseUrl: stack.issuerDatabaseUrl,
      sealingKey: Buffer.from(stack.sealingKey, "base64url"),
      issuer: stack.apiUrl,
    });
    try {
      const token = await new SignJWT({ sub: "x", jti: "x" })
        .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid })
        .setIssuer(stack.apiUrl)
        .setAudience(stack.apiUrl)
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey);
      await sleep(Math.max(0, retires.getTime() - Date.now()) + 1);
      await expect(
        keys.verify(token, { typ: "at+jwt", audience: stack.apiUrl, now: new Date() }),
      ).rejects.toMatchObject({
        code: "ERR_JWKS_NO_MATCHING_KEY",
      });
      expect((await keys.jwks()).keys.map((key) => key.kid)).not.toContain(kid);
    } finally {
      await keys.close();
    }
  });
});
