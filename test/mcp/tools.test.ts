import { afterEach, beforeEach, expect, test } from "vitest";
import { problem } from "./api-fixture.ts";
import { type Stage, setStage, textOf } from "./stage.ts";
import { agentDetail, credential, ou, request, user, uuid } from "./views.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await setStage();
});
afterEach(() => stage.close());

async function call(name: string, args: Record<string, unknown> = {}, bearer?: string) {
  const client = await stage.connect(bearer);
  return client.callTool({ name, arguments: args });
}

test("a tool call exchanges the bearer for a token of one operation and makes exactly that operation", async () => {
  stage.api.on("GET /users/emma%40acme.com", {
    status: 200,
    body: { ...user(7, "emma@acme.com"), groups: [], roles: [] },
  });
  const result = await call("describe_user", { email: "emma@acme.com" });
  expect(result.structuredContent).toMatchObject({ principal_id: uuid(7) });
  const [exchange, ...others] = stage.api.to("/oauth/token");
  expect(others).toHaveLength(0);
  expect(exchange?.body).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: stage.bearer,
    subject_token_type: "urn:powerloom:token-type:session-bearer",
    scope: "user.get",
  });
  const operations = stage.api.requests.filter(({ path }) => !path.startsWith("/oauth/"));
  expect(operations.map(({ headers }) => headers["authorization"])).toEqual(["Bearer delegated.user.get.1"]);
});

test("the flat list of OUs becomes a tree, and an OU whose parent is hidden is a root", async () => {
  const data = [
    ou(3, "/acme/sales/emea", 2),
    ou(1, "/acme", null),
    ou(2, "/acme/sales", 1),
    ou(9, "/acme/hidden/seen", 8),
  ];
  stage.api.on("GET /ous", { status: 200, body: { data, next_cursor: null } });
  const { ous } = (await call("list_ous")).structuredContent as { ous: unknown };
  expect(ous).toMatchObject([
    { path: "/acme", children: [{ path: "/acme/sales", children: [{ path: "/acme/sales/emea", children: [] }] }] },
    { path: "/acme/hidden/seen", children: [] },
  ]);
});

test("a list is followed to its last page with one token, and narrowed as asked", async () => {
  stage.api.on("GET /users", ({ query }) => {
    const page = Number(query["cursor"] ?? 0);
    const body = { data: [user(100 + page, `u${page}@acme.com`)], next_cursor: page < 2 ? String(page + 1) : null };
    return { status: 200, body };
  });
  const { users } = (await call("list_users", { ou: "/acme/sales" })).structuredContent as {
    users: { email: string }[];
  };
  expect(users.map(({ email }) => email)).toEqual(["u0@acme.com", "u1@acme.com", "u2@acme.com"]);
  expect(stage.api.to("/users").map(({ query }) => query)).toEqual([
    { ou: "/acme/sales", limit: "200" },
    { ou: "/acme/sales", limit: "200", cursor: "1" },
    { ou: "/acme/sales", limit: "200", cursor: "2" },
  ]);
  expect(stage.api.to("/oauth/token")).toHaveLength(1);
});

test("a list that never ends is an error that says how to narrow it, never a silent part", async () => {
  stage.api.on("GET /users", { status: 200, body: { data: [], next_cursor: "again" } });
  const result = await call("list_users");
  expect(result.isError).toBe(true);
  expect(JSON.parse(textOf(result))).toMatchObject({
    status: 413,
    detail: expect.stringContaining("Narrow it with `ou`"),
  });
  expect(stage.api.to("/users")).toHaveLength(50);
});

test("create_agent without an OU creates nothing, asks, and names the OUs the person can see", async () => {
  stage.api.on("GET /ous", {
    status: 200,
    body: { data: [ou(2, "/acme/sales", 1), ou(1, "/acme", null)], next_cursor: null },
  });
  const result = await call("create_agent", { name: "helper" });
  expect(result.isError).toBeFalsy();
  expect(result.structuredContent).toMatchObject({
    status: "needs_input",
    ask: [
      expect.stringMatching(/Which OU.*`\/acme`, `\/acme\/sales`/),
      expect.stringContaining("you will be the owner"),
    ],
  });
  expect(stage.api.to("/agents")).toHaveLength(0);
  expect(stage.api.to("/oauth/token").map(({ body }) => body["scope"])).toEqual(["ou.list"]);
});

test("create_agent sends what was said and nothing else, and answers with the agent", async () => {
  stage.api.on("POST /agents", { status: 201, body: { ...agentDetail(40, "helper"), field_of_tomorrow: 1 } });
  const args = { name: "helper", ou: "/acme", owner: "emma@acme.com", model: "claude-sonnet-5-5" };
  const result = await call("create_agent", args);
  expect(result.structuredContent).toMatchObject({ status: "applied", agent: { id: uuid(40) } });
  expect((result.structuredContent as { message: string }).message).toContain("owned by emma@acme.com");
  expect(stage.api.to("/agents")[0]?.body).toEqual(args);
  expect(stage.api.to("/oauth/token")[0]?.body["scope"]).toBe("agent.create");
});

test("attaching and minting call their own operations with the ids in path and body", async () => {
  const path = `/agents/${uuid(40)}`;
  stage.api.on(`POST ${path}/skills`, { status: 201, body: agentDetail(40, "helper") });
  stage.api.on(`POST ${path}/mcp-servers`, { status: 200, body: agentDetail(40, "helper") });
  stage.api.on(`POST ${path}/credentials`, { status: 201, body: credential(50) });
  const skill = await call("attach_skill_to_agent", { agent_id: uuid(40), skill_id: uuid(20), version: 2 });
  const server = await call("attach_mcp_server_to_agent", { agent_id: uuid(40), mcp_server_id: uuid(30) });
  const minted = await call("create_credential", {
    agent_id: uuid(40),
    mcp_server_id: uuid(30),
    expires_in_seconds: 3600,
  });
  expect(skill.structuredContent).toMatchObject({
    message: "Attached skill `web-search` (version 2) to agent `helper`.",
  });
  expect(server.structuredContent).toMatchObject({
    message: expect.stringContaining("Attached MCP server `apollo-mcp`"),
  });
  expect(minted.structuredContent).toMatchObject({ message: expect.stringContaining("expires at 2025-04-01") });
  expect(stage.api.to(`${path}/skills`)[0]?.body).toEqual({ skill_id: uuid(20), version: 2 });
  expect(stage.api.to(`${path}/mcp-servers`)[0]?.body).toEqual({ mcp_server_id: uuid(30) });
  expect(stage.api.to(`${path}/credentials`)[0]?.body).toEqual({ mcp_server_id: uuid(30), expires_in_seconds: 3600 });
  const scopes = stage.api.to("/oauth/token").map(({ body }) => body["scope"]);
  expect(scopes).toEqual(["agent.attach_skill", "agent.attach_mcp_server", "credential.create"]);
});

test("a change that needs approval says so, with the request and where it will be seen", async () => {
  stage.api.on("POST /agents", { status: 202, body: request("pending_approval") });
  const result = await call("create_agent", { name: "helper", ou: uuid(5) });
  expect(result.isError).toBeFalsy();
  expect(result.structuredContent).toEqual({
    status: "pending_approval",
    request_id: "req_c3d4",
    message:
      "Agent creation in `/acme/production` requires approval. Request submitted (ID: `req_c3d4`). Your approvers will see it in the `/approvals` inbox. The agent will be created once approved.",
  });
});

test("a change that is stored and not decided is received, and may be asked for again", async () => {
  stage.api.on("POST /agents", { status: 202, body: request("received", null) });
  const result = await call("create_agent", { name: "helper", ou: "/acme" });
  expect(result.structuredContent).toMatchObject({
    status: "received",
    request_id: "req_c3d4",
    message: expect.stringContaining("in `/acme` was received"),
  });
});

test.each([
  [
    "a refusal",
    problem(403, "forbidden", "insufficient permissions", { missing: "agent:create", ou: "/acme/production" }),
  ],
  ["a conflict", problem(409, "conflict", "already exists", { existing_id: uuid(40) })],
])("%s is passed on exactly as the API wrote it", async (_what, answer) => {
  const raw = `${JSON.stringify(answer.body, null, 2)}\n`;
  stage.api.on("POST /agents", { ...answer, body: raw });
  const result = await call("create_agent", { name: "helper", ou: "/acme/production" });
  expect(result.isError).toBe(true);
  expect(result.structuredContent).toBeUndefined();
  expect(textOf(result)).toBe(raw);
});

test("a refused token exchange is passed on as well, and no operation is made", async () => {
  const raw = '{"error":"invalid_grant","error_description":"the session has ended"}';
  stage.api.on("POST /oauth/token", { status: 400, body: raw });
  const result = await call("list_agents");
  expect(result.isError).toBe(true);
  expect(textOf(result)).toBe(raw);
  expect(stage.api.to("/agents")).toHaveLength(0);
});

test("an API that goes away during a call is a problem document that says to try again", async () => {
  const client = await stage.connect();
  stage.api.on("POST /oauth/token", async () => {
    await stage.api.stop();
    return { status: 200, body: {} };
  });
  const result = await client.callTool({ name: "list_agents", arguments: {} });
  expect(result.isError).toBe(true);
  expect(JSON.parse(textOf(result))).toMatchObject({ status: 503, code: "unavailable", retryable: true });
});

test("an answer that cannot be read is an error that tells nothing of its insides", async () => {
  stage.api.on("GET /agents", { status: 200, body: { data: [{ id: 1 }], next_cursor: null } });
  const result = await call("list_agents");
  expect(JSON.parse(textOf(result))).toMatchObject({
    status: 500,
    detail: "The Powerloom API's answer could not be read.",
  });
});

test("equal arguments in one session carry one key, in any order; another session or argument another", async () => {
  stage.api.on("POST /agents", { status: 201, body: agentDetail(40, "helper") });
  await call("create_agent", { name: "helper", ou: "/acme", model: "claude-sonnet-5-5" });
  await call("create_agent", { model: "claude-sonnet-5-5", ou: "/acme", name: "helper" });
  await call("create_agent", { name: "helper", ou: "/acme", model: "claude-sonnet-5-5" }, stage.newBearer("second"));
  await call("create_agent", { name: "other", ou: "/acme", model: "claude-sonnet-5-5" });
  const keys = stage.api.to("/agents").map(({ headers }) => headers["idempotency-key"]);
  expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(new Set(keys).size).toBe(3);
  expect(stage.api.to("/agents").map(({ headers }) => headers["powerloom-key-ttl"])).toEqual([
    "600",
    "600",
    "600",
    "600",
  ]);
});

test("arguments that do not fit never reach the API", async () => {
  const result = await call("describe_agent", { agent_id: "../ous" });
  expect(result.isError).toBe(true);
  expect(textOf(result)).toContain("agent_id");
  expect(stage.api.to("/oauth/token")).toHaveLength(0);
});
