import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stage, setStage, textOf } from "./stage.ts";
import { agentDetail, credential, ou, user, uuid } from "./views.ts";

const eleven = [
  "list_ous",
  "list_users",
  "list_skills",
  "list_mcp_servers",
  "list_agents",
  "describe_user",
  "describe_agent",
  "create_agent",
  "attach_skill_to_agent",
  "attach_mcp_server_to_agent",
  "create_credential",
];

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
  const { api } = stage;
  api.on("GET /ous", {
    status: 200,
    body: { data: [ou(1, "/acme", null), ou(2, "/acme/sales", 1)], next_cursor: null },
  });
  api.on("GET /users", { status: 200, body: { data: [user(7, "emma@acme.com")], next_cursor: null } });
  for (const path of ["/skills", "/mcp-servers", "/agents"])
    api.on(`GET ${path}`, { status: 200, body: { data: [], next_cursor: null } });
  api.on("GET /users/emma%40acme.com", { status: 200, body: { ...user(7, "emma@acme.com"), groups: [], roles: [] } });
  api.on(`GET /agents/${uuid(40)}`, { status: 200, body: agentDetail(40, "sales-prospector") });
  api.on("POST /agents", { status: 201, body: agentDetail(40, "sales-prospector") });
  api.on(`POST /agents/${uuid(40)}/skills`, { status: 201, body: agentDetail(40, "sales-prospector") });
  api.on(`POST /agents/${uuid(40)}/mcp-servers`, { status: 201, body: agentDetail(40, "sales-prospector") });
  api.on(`POST /agents/${uuid(40)}/credentials`, {
    status: 201,
    body: { ...credential(50), secret: "plc_never-shown" },
  });
});
afterAll(() => stage.close());

const inputs: Record<string, Record<string, unknown>> = {
  describe_user: { email: "emma@acme.com" },
  describe_agent: { agent_id: uuid(40) },
  create_agent: { name: "sales-prospector", ou: "/acme" },
  attach_skill_to_agent: { agent_id: uuid(40), skill_id: uuid(20) },
  attach_mcp_server_to_agent: { agent_id: uuid(40), mcp_server_id: uuid(30) },
  create_credential: { agent_id: uuid(40), mcp_server_id: uuid(30) },
};

test("the server has exactly the eleven tools, each described, titled, annotated and with both schemas", async () => {
  const client = await stage.connect();
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(eleven);
  for (const tool of tools) {
    expect(tool.title).toBeTruthy();
    expect((tool.description ?? "").length).toBeGreaterThan(40);
    expect(tool.inputSchema["type"]).toBe("object");
    expect(tool.outputSchema?.["type"]).toBe("object");
    const readOnlyHint = /^(list|describe)_/.test(tool.name);
    expect(tool.annotations).toMatchObject({
      readOnlyHint,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    });
  }
  expect(client.getInstructions()).toContain("dependency order");
});

test("the client of SDK 2 calls every tool, and each answer fits the schema it was promised", async () => {
  const client = await stage.connect();
  await client.listTools();
  for (const name of eleven) {
    const result = await client.callTool({ name, arguments: inputs[name] ?? {} });
    expect(result.isError, `${name}: ${textOf(result)}`).toBeFalsy();
    expect(JSON.parse(textOf(result))).toEqual(result.structuredContent);
  }
});

test("the client of SDK 1 lists and calls every tool, and checks the answers against the output schemas", async () => {
  const client = new OldClient({ name: "old", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${stage.bearer}` } };
  // The old transport's declaration predates exactOptionalPropertyTypes.
  await client.connect(
    new OldTransport(new URL(stage.mcp.url), { requestInit }) as Parameters<OldClient["connect"]>[0],
  );
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(eleven);
  for (const name of eleven) {
    const result = await client.callTool({ name, arguments: inputs[name] ?? {} });
    expect(result.isError, `${name}: ${textOf(result)}`).toBeFalsy();
    expect(result.structuredContent).toBeDefined();
  }
  await client.close();
});

test("the Inspector's command line lists and calls tools", { timeout: 60_000 }, async () => {
  const launcher = createRequire(import.meta.url)
    .resolve("@modelcontextprotocol/inspector/package.json")
    .replace("package.json", "clients/launcher/build/index.js");
  const inspect = async (...more: string[]) => {
    const target = ["--cli", stage.mcp.url, "--transport", "http", "--header", `Authorization: Bearer ${stage.bearer}`];
    const { stdout } = await promisify(execFile)(process.execPath, [launcher, ...target, ...more]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const { tools } = (await inspect("--method", "tools/list")) as { tools: { name: string }[] };
  expect(tools.map(({ name }) => name)).toEqual(eleven);
  const called = await inspect(
    "--method",
    "tools/call",
    "--tool-name",
    "describe_user",
    "--tool-arg",
    "email=emma@acme.com",
  );
  expect(called["structuredContent"]).toMatchObject({ email: "emma@acme.com", principal_id: uuid(7) });
});

test("a secret that the API should ever send is not passed on", async () => {
  const client = await stage.connect();
  const result = await client.callTool({ name: "create_credential", arguments: inputs["create_credential"] ?? {} });
  expect(result.structuredContent).toMatchObject({ status: "applied", credential: { id: uuid(50) } });
  expect(JSON.stringify(result)).not.toContain("plc_never-shown");
});

test("twenty calls at once are all answered, each with a token of its own", async () => {
  const client = await stage.connect();
  const before = stage.api.to("/oauth/token").length;
  const results = await Promise.all(
    Array.from({ length: 20 }, () => client.callTool({ name: "list_users", arguments: { ou: "/acme" } })),
  );
  expect(results.every(({ isError }) => isError !== true)).toBe(true);
  expect(stage.api.to("/oauth/token").length - before).toBe(20);
  const tokens = stage.api
    .to("/users")
    .slice(-20)
    .map(({ headers }) => headers["authorization"]);
  expect(new Set(tokens).size).toBe(20);
});

test("calls are counted by tool and outcome, and no token is ever logged", async () => {
  const { port } = stage.mcp;
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/powerloom_mcp_tool_calls_total\{tool="create_agent",outcome="applied"\} \d/);
  expect(metrics).toContain('powerloom_mcp_tool_call_duration_seconds_bucket{le="0.1",tool="list_users"}');
  const log = stage.logged.join("");
  expect(log).toContain('"tool":"create_agent"');
  expect(log).not.toContain("pls_");
  expect(log).not.toContain("delegated.");
});
