import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { openSigningKeys, type SigningKeys } from "../../../api/signing-keys.ts";
import type { Answer } from "../../../attack/send.ts";
import { actions } from "../../../contracts/actions.ts";
import { delegableReads, reads } from "../../../contracts/reads.ts";
import { runToolOperations } from "../../../contracts/run-tools.ts";
import { operations } from "../../../operations/registry.ts";
import { ask, exchangeBearer, exchangeUserToken } from "../../support/ask.ts";
import { query, securityEvents } from "../../support/database.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { bearerOf, bootstrap, invoke } from "../../support/sessions.ts";

const stack = sharedStack();
let organisation: TestOrganisation;
let agentId: string;
let sessionId: string;
let bearer: string;
let adminId: string;

beforeAll(async () => {
  organisation = await makeOrganisation("deleg");
  const { admin, root } = organisation;
  ({ agentId } = await bootstrap(admin, root));
  sessionId = await invoke(admin, agentId);
  bearer = await bearerOf(sessionId);
  adminId = (await admin.get<{ principal_id: string }>("/me")).principal_id;
});

const delegated = async (op: string) => String((await exchangeBearer(bearer, op)).body["access_token"]);

/** What powerloom_meta gets no tokens for: the other server of ours does (test/integration/mcp/runs.test.ts). */
const ofRuns = new Set<string>(Object.values(runToolOperations));

/** Any route with any ids: what is asked for is refused before anybody looks at them. */
const filled = (path: string) => path.replace(/:\w+/g, "01890000-0000-7000-8000-000000000000");

/** Status, and the rule that refused it. */
const verdict = ({ status, body }: Answer) => [status, body["rule"]];

const refusals = async () =>
  (
    await query<{ operation: string; act: string; delegated_from_session: string; rule: string }>(
      `select entry->>'operation' as operation, entry->>'act' as act,
              entry->>'delegated_from_session' as delegated_from_session, entry->>'rule' as rule
         from control_plane_audit where organisation_id = $1 and entry->>'outcome' = 'refused' order by position`,
      [organisation.organisationId],
    )
  ).filter(({ act }) => act !== null);

describe("a delegated token", () => {
  test("says who, through whom, for what and for how long", async () => {
    const answer = await exchangeBearer(bearer, "agent.create");
    expect(answer).toMatchObject({
      status: 200,
      body: { expires_in: 300, token_type: "Bearer", scope: "agent.create" },
    });
    const token = String(answer.body["access_token"]);
    expect(decodeProtectedHeader(token)).toMatchObject({ typ: "at+jwt", alg: "EdDSA" });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: stack.apiUrl,
      aud: stack.apiUrl,
      sub: adminId,
      act: { sub: `agent:${agentId}` },
      sid: sessionId,
      op: "agent.create",
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
    expect(claims.jti).toBeTruthy();
    expect(decodeJwt(await delegated("agent.create")).jti).not.toBe(claims.jti);
  });

  test("may do the one operation it names, in the person's name, and the audit says through whom", async () => {
    const made = await ask(await delegated("agent.create"), "POST", "/agents", {
      name: "by-agent",
      ou: organisation.root,
    });
    expect(made.status).toBe(201);
    const { data } = await organisation.admin.get<{ data: Record<string, unknown>[] }>(
      `/audit?target=agent:${String(made.body["id"])}`,
    );
    expect(data).toMatchObject([
      { sub: adminId, act: `agent:${agentId}`, delegated_from_session: sessionId, outcome: "applied" },
    ]);
  });

  test("may not do any other operation, even one that is delegable; each refusal is audited", async () => {
    const token = await delegated("agent.list");
    const before = (await refusals()).length;
    const given: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (const { name, http, delegable } of operations) {
      given[name] = verdict(await ask(token, http.method, filled(http.path), {}));
      wanted[name] = [403, delegable ? "other-operation" : "not-delegable"];
    }
    expect(given).toEqual(wanted);
    const after = (await refusals()).slice(before);
    expect(after.map(({ operation }) => operation)).toEqual(operations.map(({ name }) => name));
    expect(new Set(after.map(({ act }) => act))).toEqual(new Set([`agent:${agentId}`]));
    expect(new Set(after.map(({ delegated_from_session }) => delegated_from_session))).toEqual(new Set([sessionId]));
  });

  test("that names an operation which may not be delegated does not help either", async () => {
    const given: Record<string, unknown> = {};
    for (const { name, http } of operations.filter(({ delegable }) => !delegable))
      given[name] = verdict(await ask(await delegated(name), http.method, filled(http.path), {}));
    expect(Object.keys(given).length).toBeGreaterThan(10);
    expect(new Set(Object.values(given).map(String))).toEqual(new Set(["403,not-delegable"]));
  });

  test("reads what the eleven tools read, by name, and nothing else", async () => {
    const before = (await refusals()).length;
    const given: Record<string, unknown> = {};
    for (const { name, path } of reads.filter((read) => !ofRuns.has(read.name)))
      given[name] = verdict(await ask(await delegated(name), "GET", filled(path)));
    const refused = reads.map(({ name }) => name).filter((name) => !delegableReads.has(name));
    for (const name of refused) expect([name, given[name]]).toEqual([name, [403, "not-delegable"]]);
    // No such person and no such agent: allowed to ask all the same.
    for (const name of [...delegableReads].filter((read) => !ofRuns.has(read)))
      expect([name, given[name]]).toEqual([name, [name.endsWith(".get") ? 404 : 200, undefined]]);
    expect((await refusals()).slice(before).map(({ operation }) => operation)).toEqual(refused);
    expect(await ask(await delegated("user.list"), "GET", "/agents")).toMatchObject({
      status: 403,
      body: { rule: "other-operation" },
    });
  });

  test("never opens or ends a session, never votes, never withdraws, never exports, watches or bootstraps", async () => {
    const rest = [
      ...actions
        .filter(({ name }) => !ofRuns.has(name))
        .map(({ name, path }) => ({ name: name as string, method: "POST", path: filled(path) })),
      { name: "audit.export", method: "GET", path: "/audit/export" },
      { name: "event.stream", method: "GET", path: "/events" },
      { name: "bootstrap", method: "POST", path: "/bootstrap" },
    ];
    const before = (await refusals()).length;
    const given: unknown[] = [];
    for (const { name, method, path } of rest) {
      const op = name.includes(".") ? name : "boot.strap";
      given.push([name, verdict(await ask(await delegated(op), method, path, method === "POST" ? {} : undefined))]);
    }
    expect(given).toEqual(rest.map(({ name }) => [name, [403, "not-delegable"]]));
    expect((await refusals()).slice(before).map(({ operation, rule }) => [operation, rule])).toEqual(
      rest.map(({ name }) => [name, "not-delegable"]),
    );
  });

  test("of a person's own client names the client, has the same limits, and cannot be delegated further", async () => {
    const answer = await exchangeUserToken(organisation.admin.token, "agent.create", "my-editor");
    const token = String(answer.body["access_token"]);
    expect(decodeJwt(token)).toMatchObject({ sub: adminId, act: { sub: "client:my-editor" }, op: "agent.create" });
    expect((await ask(token, "POST", "/ous", {})).status).toBe(403);
    expect(await exchangeUserToken(token, "agent.create", "other")).toMatchObject({
      status: 400,
      body: { error: "invalid_grant" },
    });
    expect(await exchangeUserToken("a.b.c", "agent.create", "other")).toMatchObject({ status: 400 });
    expect(await exchangeUserToken(organisation.admin.token, "agent.create", "no spaces")).toMatchObject({
      status: 400,
    });
    expect((await securityEvents("invalid_token")).at(-1)).toMatchObject({ where: "token exchange" });
  });

  test("is made only for powerloom_meta with its secret: a wrong one is 401 and a security event", async () => {
    const before = (await securityEvents("invalid_client")).length;
    expect(await exchangeBearer(bearer, "agent.create", "wrong")).toMatchObject({
      status: 401,
      body: { error: "invalid_client" },
    });
    expect((await securityEvents("invalid_client")).length).toBe(before + 1);
    expect(await exchangeBearer(`pls_${"x".repeat(43)}`, "agent.create")).toMatchObject({
      status: 400,
      body: { error: "invalid_grant" },
    });
  });
});

describe("our own signing keys", () => {
  const withKeys = async (body: (keys: SigningKeys) => Promise<void>) => {
    const keys = await openSigningKeys({
      databaseUrl: stack.issuerDatabaseUrl,
      sealingKey: Buffer.from(stack.sealingKey, "base64url"),
      issuer: stack.apiUrl,
    });
    try {
      await body(keys);
    } finally {
      await keys.close();
    }
  };

  test("after a rotation, tokens of both keys hold, and both keys are published", async () => {
    await withKeys(async (keys) => {
      const claims = { sub: adminId, org: organisation.organisationId };
      const options = { typ: "at+jwt", audience: stack.apiUrl, seconds: 60, now: new Date() };
      const before = await keys.sign(claims, options);
      const kid = await keys.rotate();
      const after = await keys.sign(claims, options);
      expect(decodeProtectedHeader(after).kid).toBe(kid);
      expect(decodeProtectedHeader(before).kid).not.toBe(kid);
      for (const token of [after, before]) expect((await ask(token, "GET", "/me")).status).toBe(200);
      const published = (await (await fetch(`${stack.apiUrl}/.well-known/jwks.json`)).json()) as {
        keys: Record<string, unknown>[];
      };
      const kids = published.keys.map((key) => key["kid"]);
      for (const token of [after, before]) expect(kids).toContain(decodeProtectedHeader(token).kid);
      for (const key of published.keys) expect(key).not.toHaveProperty("d");
    });
  });

  test("a token of ours with the wrong type, audience, organisation, time or key is refused", async () => {
    await withKeys(async (keys) => {
      const claims = { sub: adminId, org: organisation.organisationId };
      const good = { typ: "at+jwt", audience: stack.apiUrl, seconds: 60, now: new Date() };
      const other = await makeOrganisation("other");
      const { privateKey } = await generateKeyPair("EdDSA");
      const act = { sub: `agent:${agentId}` };
      const tokens: Record<string, string> = {
        "wrong type": await keys.sign(claims, { ...good, typ: "JWT" }),
        "wrong audience": await keys.sign(claims, { ...good, audience: stack.mcpUrl }),
        expired: await keys.sign(claims, { ...good, now: new Date(Date.now() - 61_000) }),
        "another organisation": await keys.sign({ ...claims, org: other.organisationId }, good),
        "no organisation": await keys.sign({ sub: adminId }, good),
        "delegated without an operation": await keys.sign({ ...claims, act, sid: sessionId }, good),
        "delegated by no session": await keys.sign({ ...claims, act, op: "agent.list" }, good),
        "another key": await new SignJWT({ ...claims, jti: "x" })
          .setProtectedHeader({
            alg: "EdDSA",
            typ: "at+jwt",
            kid: decodeProtectedHeader(await keys.sign(claims, good)).kid ?? "",
          })
          .setIssuer(stack.apiUrl)
          .setAudience(stack.apiUrl)
          .setIssuedAt()
          .setExpirationTime("1m")
          .sign(privateKey),
      };
      const given: Record<string, unknown> = {};
      for (const [what, token] of Object.entries(tokens))
        given[what] = verdict(await ask(token, "GET", what.startsWith("delegated") ? "/agents" : "/me"));
      expect(given).toEqual(Object.fromEntries(Object.keys(tokens).map((what) => [what, [401, undefined]])));
    });
  });
});
