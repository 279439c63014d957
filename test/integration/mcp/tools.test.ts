import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { beforeAll, describe, expect, test } from "vitest";
import { exchangeBearer } from "../../support/ask.ts";
import { variant } from "../../support/everything.ts";
import {
  answerOf,
  connectNewSdk,
  connectOldSdk,
  elevenTools,
  inspector,
  type RawResult,
  rawCall,
  type ToolClient,
  type ToolName,
} from "../../support/mcp-clients.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { bearerOf, bootstrap, invoke, makeAgent, sessionIn } from "../../support/sessions.ts";

interface Tenant {
  organisation: TestOrganisation;
  adminId: string;
  metaAgentId: string;
  sessionId: string;
  bearer: string;
  sales: string;
  skillId: string;
  serverId: string;
}

async function makeTenant(label: string): Promise<Tenant> {
  const organisation = await makeOrganisation(label);
  const { admin, root } = organisation;
  const sales = await organisation.ou(`${root}/sales`);
  const skill = await admin.make<{ id: string }>("/skills", {
    name: "research",
    description: "Finds prospects",
    ou: root,
    content: "# Research",
  });
  const server = await admin.make<{ id: string }>("/mcp-servers", {
    name: "crm",
    ou: root,
    url: "http://127.0.0.1:9/mcp",
  });
  const { agentId } = await bootstrap(admin, root);
  const sessionId = await invoke(admin, agentId);
  const bearer = await bearerOf(sessionId);
  const { principal_id: adminId } = await admin.get<{ principal_id: string }>("/me");
  return {
    organisation,
    adminId,
    metaAgentId: agentId,
    sessionId,
    bearer,
    sales,
    skillId: skill.id,
    serverId: server.id,
  };
}

let one: Tenant;
let two: Tenant;
beforeAll(async () => {
  [one, two] = await Promise.all([makeTenant("mcp-one"), makeTenant("mcp-two")]);
});

/** Calls all eleven tools and looks at what each has done. Returns the audit entries of the four that change something. */
async function callAll(client: ToolClient, name: string) {
  const { organisation, sales, skillId, serverId } = one;
  const { admin, root } = organisation;
  const done = async (tool: ToolName, input: Record<string, unknown> = {}) => {
    const { isError, value } = await client.call(tool, input);
    expect(isError, `${tool}: ${JSON.stringify(value)}`).toBe(false);
    return value as never;
  };
  expect([...(await client.list())].sort()).toEqual([...elevenTools].sort());

  const [ous, users, skills, servers, user, made] = (await Promise.all([
    done("list_ous"),
    done("list_users"),
    done("list_skills"),
    done("list_mcp_servers"),
    done("describe_user", { email: admin.email }),
    done("create_agent", { name, ou: sales }),
  ])) as [
    { ous: { path: string; children: { path: string }[] }[] },
    { users: { email: string }[] },
    { skills: { id: string }[] },
    { mcp_servers: { id: string }[] },
    { email: string; roles: { role: string }[] },
    { status: string; agent: { id: string } },
  ];
  expect(ous.ous.map(({ path, children }) => [path, children.map((child) => child.path)])).toEqual([[root, [sales]]]);
  expect(users.users.map(({ email }) => email)).toContain(admin.email);
  expect(skills.skills.map(({ id }) => id)).toEqual([skillId]);
  expect(servers.mcp_servers.map(({ id }) => id)).toContain(serverId);
  expect(user).toMatchObject({ email: admin.email, roles: [{ role: "OrgAdmin" }] });
  expect(made.status).toBe("applied");
  const agent_id = made.agent.id;
  await done("attach_skill_to_agent", { agent_id, skill_id: skillId });
  await done("attach_mcp_server_to_agent", { agent_id, mcp_server_id: serverId });
  const minted = JSON.stringify(await done("create_credential", { agent_id, mcp_server_id: serverId }));
  expect(minted).not.toMatch(/plc_|secret"/);
  const [described, agents] = (await Promise.all([done("describe_agent", { agent_id }), done("list_agents")])) as [
    Record<string, unknown>,
    { agents: { id: string }[] },
  ];
  expect(agents.agents.map(({ id }) => id)).toContain(agent_id);

  const stored = await admin.get<Record<string, unknown>>(`/agents/${agent_id}`);
  expect(stored).toMatchObject({
    name,
    ou_path: sales,
    owner_email: admin.email,
    skills: ["research"],
    mcp_servers: ["crm"],
  });
  expect(stored["credentials"]).toMatchObject([{ mcp_server_id: serverId, kind: "static" }]);
  expect(described).toMatchObject({ id: agent_id, skills: ["research"], mcp_servers: ["crm"] });
  const audit = await admin.get<{ data: Record<string, unknown>[] }>("/audit?limit=200");
  const mine = audit.data.filter(({ body }) => JSON.stringify(body).includes(name));
  expect(new Set(mine.map(({ operation }) => operation))).toEqual(
    new Set(["agent.attach_mcp_server", "agent.attach_skill", "agent.create", "credential.create"]),
  );
  expect(mine).toHaveLength(4);
  return mine;
}

describe("the eleven tools, before the real API", () => {
  test.each([
    ["the client of SDK 2", "sdk-two", connectNewSdk],
    ["the client of SDK 1", "sdk-one", connectOldSdk],
    // A process for each request; that it can list and call is in test/mcp/clients.test.ts.
    ...variant("the Inspector's command line").map((who): [string, string, (bearer: string) => Promise<ToolClient>] => [
      who,
      "inspected",
      async (bearer) => inspector(bearer),
    ]),
  ])(
    "%s lists and calls all of them, and everything is done, and audited with agent and session",
    { timeout: 180_000 },
    async (_who, name, connect) => {
      const client = await connect(one.bearer);
      for (const entry of await callAll(client, name))
        expect(entry).toMatchObject({
          sub: one.adminId,
          act: `agent:${one.metaAgentId}`,
          delegated_from_session: one.sessionId,
          outcome: "applied",
        });
      await client.close();
    },
  );

  test("a person's own client over stdio calls all of them, and is named in the audit", async () => {
    const client = new Client({ name: "editor", version: "1.0.0" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [fileURLToPath(new URL("../../mcp/programs/stdio.ts", import.meta.url))],
        env: { API_URL: sharedStack().apiUrl, TOKEN: one.organisation.admin.token, CLIENT: "editor" },
      }),
    );
    const asTools: ToolClient = {
      list: async () => (await client.listTools()).tools.map((tool) => tool.name),
      call: async (name, input = {}) => answerOf((await client.callTool({ name, arguments: input })) as RawResult),
      close: () => client.close(),
    };
    for (const entry of await callAll(asTools, "by-editor"))
      expect(entry).toMatchObject({
        sub: one.adminId,
        act: "client:editor",
        delegated_from_session: null,
        outcome: "applied",
      });
    await client.close();
  });

  test("the same call twice in a session makes one agent; a call without an OU asks, and makes none", async () => {
    const client = await connectNewSdk(one.bearer);
    const input = { name: "only-once", ou: one.sales };
    const [first, second] = await Promise.all([client.call("create_agent", input), client.call("create_agent", input)]);
    expect(second.value["agent"]).toMatchObject({ id: (first.value["agent"] as { id: string }).id });
    const asked = await client.call("create_agent", { name: "nowhere" });
    expect(asked.value).toMatchObject({
      status: "needs_input",
      ask: [expect.stringContaining(one.sales), expect.anything()],
    });
    const { data } = await one.organisation.admin.get<{ data: unknown[] }>("/agents?name=nowhere");
    expect(data).toEqual([]);
    await client.close();
  });
});

describe("a bearer that is not of a running session of this server", () => {
  test("is refused on each of the eleven tools, with the way to the metadata", async () => {
    const { organisation } = one;
    const { admin, root } = organisation;
    const ended = await invoke(admin, one.metaAgentId);
    const endedBearer = await bearerOf(ended);
    expect((await admin.send("POST", `/sessions/${ended}/end`, {})).status).toBe(200);

    // Another registration of a shared server: its session bearers are for another audience.
    const twin = await admin.make<{ id: string }>("/mcp-servers", {
      name: "twin",
      ou: root,
      url: "http://127.0.0.1:9/twin",
      deployment: "shared",
    });
    const { id: agentId } = await makeAgent(admin, { name: "twin-user", ou: root });
    const pair = { agent_id: agentId, mcp_server_id: twin.id };
    await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: pair.mcp_server_id });
    await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: pair.mcp_server_id });
    await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: one.serverId });
    const fixed = await admin.make<{ secret: string }>(`/agents/${agentId}/credentials`, {
      mcp_server_id: one.serverId,
    });
    expect(fixed.secret).toMatch(/^plc_/);
    const twinBearer = await bearerOf(await invoke(admin, agentId), twin.id);

    const delegated = String((await exchangeBearer(one.bearer, "agent.list")).body["access_token"]);
    const tokens: Record<string, string | undefined> = {
      none: undefined,
      unknown: `pls_${"x".repeat(43)}`,
      "of an ended session": endedBearer,
      "of another registration": twinBearer,
      "a third party's": fixed.secret,
      "a person's token for the API": admin.token,
      "a delegated token for the API": delegated,
    };
    expect((await rawCall(one.bearer, "list_ous")).status).toBe(200);
    for (const [what, token] of Object.entries(tokens))
      for (const tool of elevenTools) {
        const { status, challenge } = await rawCall(token, tool);
        expect(status, `${tool} with ${what}`).toBe(401);
        expect(challenge).toContain("/.well-known/oauth-protected-resource");
      }
  });

  test("of another tenant finds nothing of this one: every id is a 404, every list shows its own", async () => {
    const { organisation, metaAgentId, sales, skillId, serverId } = one;
    const client = await connectNewSdk(two.bearer);
    const inputs: Record<ToolName, Record<string, unknown>> = {
      list_ous: {},
      list_users: { ou: sales },
      list_skills: { ou: sales },
      list_mcp_servers: { ou: sales },
      list_agents: { ou: sales },
      describe_user: { email: organisation.admin.email },
      describe_agent: { agent_id: metaAgentId },
      create_agent: { name: "intruder", ou: sales },
      attach_skill_to_agent: { agent_id: metaAgentId, skill_id: skillId },
      attach_mcp_server_to_agent: { agent_id: two.metaAgentId, mcp_server_id: serverId },
      create_credential: { agent_id: two.metaAgentId, mcp_server_id: serverId },
    };
    const found: Record<string, unknown> = {};
    for (const tool of elevenTools) {
      const answer = await client.call(tool, inputs[tool]);
      found[tool] = answer.isError ? answer.value["status"] : "an answer";
    }
    expect(found).toEqual({ ...Object.fromEntries(elevenTools.map((tool) => [tool, 404])), list_ous: "an answer" });
    for (const tool of elevenTools.slice(0, 5))
      expect(JSON.stringify((await client.call(tool)).value)).not.toContain(organisation.name);
    await client.close();
  });
});

describe("a text that cannot be sent on", () => {
  test("in a path is sent back with its name and never asks something else", async () => {
    const { metaAgentId: agent_id, skillId: skill_id, serverId: mcp_server_id } = one;
    const inputs: [ToolName, string, Record<string, unknown>][] = [
      ["describe_user", "email", {}],
      ["describe_agent", "agent_id", { agent_id }],
      ["attach_skill_to_agent", "agent_id", { skill_id }],
      ["attach_mcp_server_to_agent", "agent_id", { mcp_server_id }],
      ["create_credential", "agent_id", { mcp_server_id }],
    ];
    const client = await connectNewSdk(one.bearer);
    for (const [tool, field, input] of inputs)
      for (const text of ["", ".", "..", "\ud800", "a\udc00b"]) {
        const answer = await client.call(tool, { ...input, [field]: text });
        expect(answer.isError).toBe(true);
        expect(answer.text).toMatch(new RegExp(`Invalid arguments.*${field}`, "s"));
      }
    await client.close();
  });

  test.each(["name", "ou", "owner", "display_name", "description", "model", "system_prompt"])(
    "is sent back by create_agent as its %s",
    async (field) => {
      const client = await connectNewSdk(one.bearer);
      const answer = await client.call("create_agent", { name: "unsendable", ou: one.sales, [field]: "a\ud800b" });
      expect(answer.isError).toBe(true);
      expect(answer.text).toMatch(new RegExp(`${field}.*surrogates`, "s"));
      await client.close();
    },
  );
});

describe("what the meta-agent's conversation leaves", () => {
  test("the session itself has called the tools with its own bearer, and rests", async () => {
    const { admin } = one.organisation;
    expect((await sessionIn(admin, one.sessionId, "idle")).error).toBeNull();
  });
});
