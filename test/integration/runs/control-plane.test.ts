import { randomBytes } from "node:crypto";
import { decodeJwt } from "jose";
import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../../attack/send.ts";
import { actions } from "../../../contracts/actions.ts";
import { delegableReads, reads } from "../../../contracts/reads.ts";
import type { Person } from "../../../demo/api.ts";
import { operations } from "../../../operations/registry.ts";
import { ask, exchangeBearer, exchangeCapability } from "../../support/ask.ts";
import { query, securityEvents } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { bindingOf, callIn, capability, decideOn, holdOperation, toolCalls } from "../../support/run-calls.ts";
import { armMind, ended, type Said } from "../../support/runs.ts";
import { bearerOf, invoke, makeAgent } from "../../support/sessions.ts";

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("runops");
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const create = (name: string, ou = organisation.root) => use("agent_create", { name, ou });
const done: Said = { output: { result: "done" } };

/** Arms an operator that says these things one after the other, and gives what starts a run of it. */
async function operator(turns: Said[]): Promise<Record<string, unknown>> {
  const name = `operator-${v7()}`;
  await armMind(name, { operator: { turns, afterwards: "last" } });
  return { task: "Provision.", agent: "operator", models: { operator: `mind-${name}` } };
}

async function start(turns: Said[], person: Person = bob): Promise<{ id: string; trace_id: string }> {
  return person.make("/runs", await operator(turns));
}

const decide = (runId: string, decision: "approve" | "deny") => decideOn(eve, runId, decision);

const agentsNamed = (name: string, organisationId = organisation.organisationId) =>
  query<{ id: string; owner_id: string }>("select id, owner_id from agents where organisation_id = $1 and name = $2", [
    organisationId,
    name,
  ]);

/** A run whose call of agent_create has begun and is kept from being taken up. */
async function held(name: string, begin: () => Promise<{ id: string }> = () => start([create(name), done])) {
  const { id } = await begin();
  const { step_id: stepId } = await callIn(id, "agent_create", "waiting");
  const release = await holdOperation({ runId: id, stepId });
  await decide(id, "approve");
  await callIn(id, "agent_create", "running");
  return { id, stepId, binding: await bindingOf(id, stepId), release };
}

interface Request {
  id: string;
  status: string;
  problem: { code: string } | null;
}

const requestOf = async (runId: string) =>
  (
    await query<Request & { act: string }>("select id, status, problem, act from operations where act = $1", [
      `run:${runId}`,
    ])
  )[0];

describe("an operation as a tool", () => {
  test("is found, looked up, approved as a call, and carried out for the person", async () => {
    const { id, trace_id } = await start([
      use("search_tools", { query: "create agent" }),
      use("get_tool_schema", { name: "agent_create" }),
      create("made-by-run"),
      use("agent_get", { agent_id: "{{last.id}}" }),
      use("user_get", { user: bob.email }),
      done,
    ]);
    await decide(id, "approve");
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
    const calls = await toolCalls(id);
    expect(calls.map(({ tool_name, status }) => [tool_name, status])).toEqual([
      ["search_tools", "success"],
      ["get_tool_schema", "success"],
      ["agent_create", "success"],
      ["agent_get", "success"],
      ["user_get", "success"],
    ]);
    const [found, schema, made, read, user] = calls.map(({ result }) => JSON.parse(result ?? "") as { id: string });
    expect(found).toMatchObject({
      tools: expect.arrayContaining([expect.objectContaining({ name: "agent_create", read_only: false })]),
    });
    expect(schema).toMatchObject({ risk: "medium", input_schema: { required: ["name", "ou"] } });
    expect(read).toMatchObject({ id: made?.id, name: "made-by-run" });
    expect(user).toMatchObject({ id: bob.id });
    expect(await agentsNamed("made-by-run")).toEqual([{ id: made?.id, owner_id: bob.id }]);
    const { data } = await organisation.admin.get<{ data: unknown[] }>(`/audit?target=agent:${made?.id}`);
    expect(data).toMatchObject([
      {
        operation: "agent.create",
        sub: bob.id,
        act: `run:${id}`,
        delegated_from_session: null,
        outcome: "applied",
        body: { detail: { trace_id } },
      },
    ]);
  });

  test("has the person's rights and no more: the 403 reaches the model, and nothing is done", async () => {
    const user = await organisation.person("user", { roles: [{ role: "AgentUser", ou: organisation.root }] });
    const { id } = await start([create("beyond-rights"), done], user);
    await decide(id, "approve");
    await ended(user, id);
    const [call] = await toolCalls(id);
    expect(call).toMatchObject({ status: "failed", is_error: true });
    expect(JSON.parse(call?.result ?? "")).toMatchObject({
      status: 403,
      code: "forbidden",
      missing: { permission: "agent:create", ou: organisation.root },
    });
    expect(await agentsNamed("beyond-rights")).toEqual([]);
    expect(await requestOf(id)).toMatchObject({ status: "refused" });
  });

  test("is refused at the next call when the right is taken away in the middle", async () => {
    const leaver = await organisation.person("leaver", { roles: [{ role: "AgentUser", ou: organisation.root }] });
    const builder = await organisation.admin.make<{ id: string }>("/bindings", {
      role: "AgentBuilder",
      ou: organisation.root,
      user: leaver.email,
    });
    const { id } = await start([create("while-allowed"), create("no-longer"), done], leaver);
    await decide(id, "approve");
    await callIn(id, "agent_create", "success");
    await callIn(id, "agent_create", "waiting");
    expect((await organisation.admin.send("DELETE", `/bindings/${builder.id}`)).status).toBe(200);
    await decide(id, "approve");
    await ended(leaver, id);
    expect((await toolCalls(id)).map(({ status }) => status)).toEqual(["success", "failed"]);
    expect(await agentsNamed("while-allowed")).toHaveLength(1);
    expect(await agentsNamed("no-longer")).toEqual([]);
  });

  test("says what is wrong with its input, and knows no thing of another organisation", async () => {
    const other = await makeOrganisation("runops-b");
    const theirs = await other.admin.make<{ id: string }>("/agents", { name: "theirs", ou: other.root });
    const { id } = await start([
      use("agent_get", { agent_id: theirs.id }),
      use("agent_get", { agent_id: ".." }),
      use("agent_attach_skill", { agent_id: theirs.id, skill_id: v7() }),
      done,
    ]);
    await decide(id, "approve");
    await ended(bob, id);
    const [read, dots, attach] = await toolCalls(id);
    for (const call of [read, attach])
      expect(JSON.parse(call?.result ?? "")).toMatchObject({ status: 404, code: "not_found" });
    expect(dots).toMatchObject({ status: "refused" });
  });

  test.each(variant("never shows a secret to the model, nor keeps one"))("%s", async () => {
    const { admin, root } = organisation;
    const agent = await admin.make<{ id: string }>("/agents", { name: "with-secret", ou: root });
    const server = await admin.make<{ id: string }>("/mcp-servers", {
      name: "docs",
      ou: root,
      url: "https://docs.example/mcp",
    });
    await admin.make(`/agents/${agent.id}/mcp-servers`, { mcp_server_id: server.id });
    const { id } = await start(
      [use("credential_create", { agent_id: agent.id, mcp_server_id: server.id }), done],
      admin,
    );
    await decide(id, "approve");
    await ended(admin, id);
    const [call] = await toolCalls(id);
    expect(call).toMatchObject({ status: "success" });
    expect(JSON.parse(call?.result ?? "")).toMatchObject({ agent_id: agent.id, kind: "static" });
    const kept = await query<{ text: string }>(
      `select concat_ws(' ', s.result, s.facts, s.output_summary) as text from agent_steps s where s.run_id = $1
       union all select content::text from run_messages where run_id = $1
       union all select concat_ws(' ', o.result, o.sealed_secret, o.problem) from operations o where o.act = 'run:' || $1`,
      [id],
    );
    expect(kept.length).toBeGreaterThan(3);
    for (const { text } of kept) expect(text).not.toMatch(/plc_|"secret"/);
  });

  test("in READ_ONLY reads go through, and what changes things is refused without asking anybody", async () => {
    const quiet = await makeOrganisation("runops-quiet");
    await quiet.admin.make("/governance/mode", { mode: "READ_ONLY", reason: "A test" });
    const { id } = await start([use("agent_list", { ou: quiet.root }), create("quiet", quiet.root), done], quiet.admin);
    await ended(quiet.admin, id);
    expect((await toolCalls(id)).map(({ tool_name, status }) => [tool_name, status])).toEqual([
      ["agent_list", "success"],
      ["agent_create", "refused"],
    ]);
    expect(await agentsNamed("quiet", quiet.organisationId)).toEqual([]);
  });

  test("an approval of one call elevates for that very call, and for no other target", async () => {
    const name = "again";
    const { id } = await start([create(name), create(name), create("another"), done]);
    await decide(id, "approve");
    await decide(id, "deny");
    await ended(bob, id);
    const calls = await toolCalls(id);
    expect(calls.map(({ status }) => status)).toEqual(["success", "failed", "refused"]);
    expect(JSON.parse(calls[1]?.result ?? "")).toMatchObject({ status: 409, code: "conflict" });
    expect(await agentsNamed("another")).toEqual([]);
  });
});

describe("an operation that needs approval", () => {
  let careful: string;
  beforeAll(async () => {
    careful = await organisation.ou(`${organisation.root}/careful`);
    await organisation.admin.make("/approval-policies", { name: "careful", ou: careful, operations: ["agent.create"] });
  });

  async function pending(name: string, more: Said[]): Promise<{ id: string; request: Request; digest: string }> {
    const { id } = await start([create(name, careful), ...more, done]);
    await decide(id, "approve");
    const call = await callIn(id, "agent_create", "success");
    const told = JSON.parse(call.result ?? "") as { request_id: string };
    expect(told).toMatchObject({ status: "pending_approval", message: expect.stringContaining("not done yet") });
    const request = await requestOf(id);
    if (request === undefined) throw new Error("there is no request");
    expect(request).toMatchObject({ id: told.request_id, status: "pending_approval" });
    const { digest } = await eve.get<{ digest: string }>(`/approvals/${request.id}`);
    return { id, request, digest };
  }
  const vote = (person: Person, request: Request, digest: string) =>
    person.send("POST", `/approvals/${request.id}/votes`, { decision: "approve", digest });
  const settled = (person: Person, { id }: Request) =>
    eventually(async () => {
      const request = await person.get<Request>(`/requests/${id}`);
      return request.status === "pending_approval" ? undefined : request;
    }, `${id} is settled`);

  test("waits, and is applied when people have approved it, also after the run has ended", async () => {
    const { id, request, digest } = await pending("careful-one", []);
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
    expect(await agentsNamed("careful-one")).toEqual([]);
    expect((await vote(bob, request, digest)).status).toBe(403);
    expect((await vote(eve, request, digest)).status).toBe(200);
    expect(await settled(bob, request)).toMatchObject({ status: "applied", actor: `run:${id}` });
    expect(await agentsNamed("careful-one")).toMatchObject([{ owner_id: bob.id }]);
    // What people said to it is found with what the run did, although the run was over by then.
    const { data } = await organisation.admin.get<{ data: { operation: string; outcome: string; sub: string }[] }>(
      `/audit?run=${id}`,
    );
    const afterwards = data
      .slice(
        0,
        data.findIndex(({ operation }) => operation === "run.completed"),
      )
      .reverse();
    expect(afterwards.map(({ sub, operation, outcome }) => [sub, operation, outcome])).toEqual([
      [bob.id, "approval.vote", "refused"],
      [eve.id, "approval.vote", "voted"],
      [bob.id, "agent.create", "applied"],
    ]);
  });

  test("is withdrawn when the run that asked is cancelled", async () => {
    const { id, request, digest } = await pending("careful-two", [{ ...done, delay_ms: 20_000 }]);
    expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({ status: "cancelled" });
    expect(await settled(bob, request)).toMatchObject({ status: "cancelled" });
    expect((await vote(eve, request, digest)).status).toBe(409);
    expect(await agentsNamed("careful-two")).toEqual([]);
  });
});

describe("the capability of a call", () => {
  const refusedGrant = { status: 400, body: { error: "invalid_grant" } };
  const exchange = (token: string, op = "agent.create") => exchangeCapability(token, op);

  test.each(variant("is good for the operation of its tool, in the person's name, while the call goes on"))(
    "%s",
    async () => {
      const { id, stepId, binding, release } = await held("held-good");
      try {
        const answer = await exchange(capability(binding));
        expect(answer).toMatchObject({ status: 200, body: { expires_in: 300, scope: "agent.create" } });
        const token = String(answer.body["access_token"]);
        const claims = decodeJwt(token);
        expect(claims).toMatchObject({ sub: bob.id, org: organisation.organisationId, act: { sub: `run:${id}` } });
        expect(claims).toMatchObject({ op: "agent.create", step: stepId });
        expect(claims).not.toHaveProperty("sid");

        const filled = (path: string) => path.replace(/:\w+/g, v7());
        const verdict = ({ status, body }: Answer) => [status, body["rule"]];
        const others = [
          ...operations
            .filter(({ name }) => name !== "agent.create")
            .map(({ name, http, delegable }) => ({ name, method: http.method as string, path: http.path, delegable })),
          ...actions.map(({ name, path }) => ({
            name,
            method: "POST",
            path,
            delegable: ["run.start", "run.cancel"].includes(name),
          })),
          ...reads.map(({ name, path }) => ({ name, method: "GET", path, delegable: delegableReads.has(name) })),
        ];
        for (const { name, method, path, delegable } of others) {
          const given = await ask(token, method, filled(path), method === "GET" ? undefined : {});
          expect([name, verdict(given)]).toEqual([name, [403, delegable ? "other-operation" : "not-delegable"]]);
        }
        // Nor can it be delegated further.
        expect(await exchange(token)).toMatchObject(refusedGrant);
      } finally {
        await release();
      }
      expect(await ended(bob, id)).toMatchObject({ status: "completed" });
      expect(await agentsNamed("held-good")).toHaveLength(1);
    },
  );

  test("is refused for anything else, and every refusal is a security event", async () => {
    const one = await held("held-one");
    const other = await start([use("agent_list", {}), { ...done, delay_ms: 20_000 }]);
    try {
      const { binding } = one;
      const [expiresAt, secret] = [Date.now() - 1, randomBytes(32)];
      const listed = await callIn(other.id, "agent_list", "success");
      const good = capability(binding);
      const [prefix, key, payload, mac] = good.split(".");
      const claims = JSON.parse(Buffer.from(payload ?? "", "base64url").toString("utf8")) as object;
      const altered = Buffer.from(JSON.stringify({ ...claims, tool: "agent_list" })).toString("base64url");
      const cases: [string, string, string?][] = [
        ["other_operation", good, "agent.list"],
        ["other_operation", good, "ou.create"],
        ["not_in_force", capability({ ...binding, toolId: "agent_list" }), "agent.list"],
        ["not_in_force", capability({ ...binding, stepId: "nowhere" })],
        ["not_in_force", capability({ ...binding, leaseId: v7() })],
        ["not_in_force", capability({ ...binding, runId: other.id })],
        ["not_in_force", capability({ ...binding, organisationId: v7() })],
        ["not_in_force", capability(await bindingOf(other.id, listed.step_id)), "agent.list"],
        ["expired", capability(binding, { expiresAt })],
        ["altered", capability(binding, { secret })],
        ["altered", [prefix, key, altered, mac].join(".")],
        ["unknown_key", [prefix, "d1", payload, mac].join(".")],
        ["malformed", "anything"],
        ["malformed", ""],
      ];
      const before = (await securityEvents("invalid_capability")).length;
      for (const [reason, token, op] of cases)
        expect({ reason, ...(await exchange(token, op)) }).toMatchObject({ reason, ...refusedGrant });
      const events = (await securityEvents("invalid_capability")).slice(before);
      expect(events.map(({ reason }) => reason)).toEqual(cases.map(([reason]) => reason));
      expect(JSON.stringify(events)).not.toContain(payload);
    } finally {
      await one.release();
    }
    await bob.send("POST", `/runs/${other.id}/cancel`, {});
    await ended(bob, one.id);
    await ended(bob, other.id);
    expect(await exchange(capability(one.binding))).toMatchObject(refusedGrant);
  });

  test("and its token end with the run: whoever cancels it stops the very next request", async () => {
    const { id, binding, release } = await held("held-cancelled");
    try {
      const token = String((await exchange(capability(binding))).body["access_token"]);
      expect((await ask(token, "GET", "/agents")).status).toBe(403);
      expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
      expect(await ask(token, "POST", "/agents", { name: "too-late", ou: organisation.root })).toMatchObject({
        status: 401,
      });
      expect(await exchange(capability(binding))).toMatchObject(refusedGrant);
    } finally {
      await release();
    }
    expect(await ended(bob, id)).toMatchObject({ status: "cancelled" });
    // The request that was being taken up goes on without the run, and is refused.
    await eventually(async () => (await requestOf(id))?.status !== "received" || undefined, "nothing is open");
    expect((await requestOf(id))?.status).not.toBe("applied");
    for (const name of ["held-cancelled", "too-late"]) expect(await agentsNamed(name)).toEqual([]);
  });

  test.each(variant("and its token end with the lease, and with the person's suspension"))("%s", async () => {
    const { id, binding, release } = await held("held-revoked");
    try {
      const token = String((await exchange(capability(binding))).body["access_token"]);
      await query("update users set status = 'suspended' where id = $1", [bob.id]);
      expect((await ask(token, "GET", "/agents")).status).toBe(403);
      expect(await exchange(capability(binding))).toMatchObject(refusedGrant);
      await query("update users set status = 'active' where id = $1", [bob.id]);
      expect((await exchange(capability(binding))).status).toBe(200);
      await query("update leases set revoked_at = now() where lease_id = $1", [binding.leaseId]);
      expect((await ask(token, "GET", "/agents")).status).toBe(401);
      expect(await exchange(capability(binding))).toMatchObject(refusedGrant);
    } finally {
      await query("update users set status = 'active' where id = $1", [bob.id]);
      await release();
    }
    await ended(bob, id);
  });

  test.each(variant("of a run that an agent started in a session names the session, and ends with it"))(
    "%s",
    async () => {
      const { admin, root } = organisation;
      const server = await admin.make<{ id: string }>("/mcp-servers", {
        name: "powerloom-runs",
        ou: root,
        url: new URL("runs/mcp", sharedStack().mcpUrl).href,
        deployment: "shared",
      });
      const agent = await makeAgent(admin, { name: "starter", ou: root });
      await admin.make(`/agents/${agent.id}/mcp-servers`, { mcp_server_id: server.id });
      await admin.make(`/agents/${agent.id}/credentials`, { mcp_server_id: server.id });
      const sessionId = await invoke(bob, agent.id);
      const bearer = await bearerOf(sessionId, server.id);
      const { id, binding, release } = await held("held-session", async () => {
        const input = await operator([create("held-session"), done]);
        const started = await exchangeBearer(bearer, "run.start", undefined, "powerloom_runs");
        const { body } = await ask(String(started.body["access_token"]), "POST", "/runs", input);
        return { id: String(body["id"]) };
      });
      try {
        const token = String((await exchange(capability(binding))).body["access_token"]);
        expect(decodeJwt(token)).toMatchObject({ sid: sessionId, act: { sub: `run:${id}` } });
        expect((await ask(token, "GET", "/agents")).status).toBe(403);
        expect((await bob.send("POST", `/sessions/${sessionId}/end`, {})).status).toBe(200);
        await eventually(
          async () =>
            (await query("select from sessions where id = $1 and ended_at is not null", [sessionId])).length > 0 ||
            undefined,
          "the session has ended",
        );
        expect((await ask(token, "GET", "/agents")).status).toBe(401);
        expect(await exchange(capability(binding))).toMatchObject(refusedGrant);
      } finally {
        await release();
      }
      await ended(bob, id);
      await eventually(async () => (await requestOf(id))?.status !== "received" || undefined, "nothing is open");
      expect((await requestOf(id))?.status).not.toBe("applied");
      expect(await agentsNamed("held-session")).toEqual([]);
    },
  );
});
