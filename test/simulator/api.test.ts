import Anthropic, { toFile } from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Simulator } from "../../simulator/server.ts";
import { all, clientFor, environment, start } from "./harness.ts";

let simulator: Simulator;
let client: Anthropic;
beforeAll(async () => {
  ({ simulator, client } = await start());
});
afterAll(() => simulator.close());

const raw = (path: string, init: RequestInit = {}) => fetch(`${simulator.url}${path}`, init);
const headers = {
  authorization: "Bearer local",
  "anthropic-version": "2026-10-21",
  "anthropic-beta": "managed-agents-2026-04-01",
  "content-type": "application/json",
};
const toolset = (name: string) => ({ type: "mcp_toolset", mcp_server_name: name }) as const;
const server = (name: string) => ({ type: "url", name, url: `https://${name}.example/mcp` }) as const;
const plain = { name: "a", model: "claude-opus-5-5" };

describe("the transport", () => {
  test("a request without a credential is refused", async () => {
    const response = await raw("/v1/agents", { headers: { ...headers, authorization: "" } });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ type: "error", error: { type: "authentication_error" } });
    const nobody = new Anthropic({
      apiKey: "x",
      baseURL: simulator.url,
      maxRetries: 0,
      defaultHeaders: { authorization: null },
    });
    await expect(nobody.get("/v1/agents")).rejects.toThrow(/credential|authenticat|apiKey/i);
  });

  test("an API key header is as good as a bearer", async () => {
    const { authorization: _, ...rest } = headers;
    expect((await raw("/v1/agents", { headers: { ...rest, "x-api-key": "k" } })).status).toBe(200);
  });

  test("a managed-agents path does not exist without the beta header", async () => {
    const { "anthropic-beta": _, ...rest } = headers;
    expect((await raw("/v1/sessions", { headers: rest })).status).toBe(404);
    expect((await raw("/v1/skills", { headers: rest })).status).toBe(200);
  });

  test("an unknown beta, an unknown version and broken JSON are refused", async () => {
    expect((await raw("/v1/agents", { headers: { ...headers, "anthropic-beta": "nonsense" } })).status).toBe(400);
    expect((await raw("/v1/agents", { headers: { ...headers, "anthropic-version": "1999-01-01" } })).status).toBe(400);
    expect((await raw("/v1/agents", { method: "POST", headers, body: "{" })).status).toBe(400);
    expect((await raw("/v1/unknown", { method: "POST", headers, body: "{" })).status).toBe(404);
  });

  test("every response carries its request id, and errors repeat it", async () => {
    const agent = await client.beta.agents.create(plain);
    expect(agent._request_id).toMatch(/^req_01/);
    const error = await client.beta.agents.retrieve("agent_none").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Anthropic.NotFoundError);
    expect((error as InstanceType<typeof Anthropic.NotFoundError>).requestID).toMatch(/^req_01/);
    expect((error as InstanceType<typeof Anthropic.NotFoundError>).type).toBe("not_found_error");
  });

  test("health, readiness and metrics are served without a credential", async () => {
    expect((await raw("/healthz")).status).toBe(200);
    expect((await raw("/readyz")).status).toBe(200);
    expect(await (await raw("/metrics")).text()).toContain("simulator_requests_total");
  });
});

describe("agents", () => {
  test("defaults are resolved: MCP toolsets ask, the agent toolset allows", async () => {
    const agent = await client.beta.agents.create({
      ...plain,
      mcp_servers: [server("crm")],
      tools: [toolset("crm"), { type: "agent_toolset_20260401", configs: [{ name: "bash", enabled: false }] }],
    });
    expect(agent).toMatchObject({
      type: "agent",
      version: 1,
      description: null,
      archived_at: null,
      model: { id: "claude-opus-5-5", effort: { type: "medium" } },
      execution_identity: { type: "service_account" },
      tools: [
        { default_config: { enabled: true, permission_policy: { type: "always_ask" } }, configs: [] },
        {
          default_config: { enabled: true, permission_policy: { type: "always_allow" } },
          configs: [{ name: "bash", type: "bash", enabled: false, permission_policy: { type: "always_allow" } }],
        },
      ],
    });
    expect(agent.id).toMatch(/^agent_01[1-9A-HJ-NP-Za-km-z]+$/);
  });

  test("versions go up with real changes only, and stay readable", async () => {
    const agent = await client.beta.agents.create({ ...plain, system: "one", metadata: { a: "1", b: "2" } });
    const same = await client.beta.agents.update(agent.id, {
      version: 1,
      system: "one",
      model: "claude-opus-5-5",
      tools: [],
    });
    expect(same.version).toBe(1);
    const changed = await client.beta.agents.update(agent.id, {
      version: 1,
      system: "two",
      metadata: { a: null, c: "3" },
    });
    expect(changed).toMatchObject({ version: 2, system: "two", metadata: { b: "2", c: "3" } });
    expect((await client.beta.agents.retrieve(agent.id, { version: 1 })).system).toBe("one");
    expect((await all(client.beta.agents.versions.list(agent.id))).map(({ version }) => version)).toEqual([2, 1]);
    await expect(client.beta.agents.retrieve(agent.id, { version: 9 })).rejects.toThrow(Anthropic.NotFoundError);
  });

  test("a stale version is a conflict, even for a no-op, and is not retried", async () => {
    const agent = await client.beta.agents.create(plain);
    await client.beta.agents.update(agent.id, { version: 1, name: "b" });
    const retrying = clientFor(simulator, { maxRetries: 2 });
    const began = Date.now();
    await expect(retrying.beta.agents.update(agent.id, { version: 1, name: "b" })).rejects.toThrow(
      Anthropic.ConflictError,
    );
    expect(Date.now() - began).toBeLessThan(400);
  });

  test.each([
    ["a server without a toolset", { mcp_servers: [server("x")] }],
    ["a toolset without a server", { tools: [toolset("x")] }],
    ["a server's name twice", { mcp_servers: [server("x"), server("x")], tools: [toolset("x")] }],
    ["21 servers", { mcp_servers: Array.from({ length: 21 }, (_, index) => server(`s${index}`)) }],
    ["a long name", { name: "n".repeat(257) }],
    [
      "17 pairs of metadata",
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])) },
    ],
    [
      "an unknown policy",
      { tools: [{ type: "agent_toolset_20260401", default_config: { permission_policy: { type: "always_deny" } } }] },
    ],
    ["an unknown field", { colour: "red" }],
    ["a skill without the read tool", { skills: [{ type: "anthropic", skill_id: "xlsx" }] }],
  ])("refuses %s", async (_, fields) => {
    const create = client.beta.agents.create({ ...plain, ...fields } as Anthropic.Beta.AgentCreateParams);
    await expect(create).rejects.toThrow(Anthropic.BadRequestError);
  });

  test("an archived agent is not listed, not updated and starts no session", async () => {
    const agent = await client.beta.agents.create({ ...plain, name: "to archive" });
    expect((await client.beta.agents.archive(agent.id)).archived_at).not.toBeNull();
    expect((await all(client.beta.agents.list())).map(({ id }) => id)).not.toContain(agent.id);
    expect((await all(client.beta.agents.list({ include_archived: true }))).map(({ id }) => id)).toContain(agent.id);
    await expect(client.beta.agents.update(agent.id, { name: "x" })).rejects.toThrow(Anthropic.BadRequestError);
    const session = client.beta.sessions.create({ agent: agent.id, environment_id: await environment(client) });
    await expect(session).rejects.toThrow(Anthropic.BadRequestError);
  });

  test("lists come in pages, and by creation time", async () => {
    const since = new Date().toISOString();
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1)
      ids.push((await client.beta.agents.create({ ...plain, name: `p${index}` })).id);
    const first = await client.beta.agents.list({ limit: 2, "created_at[gte]": since });
    expect(first.data).toHaveLength(2);
    expect(first.next_page).not.toBeNull();
    const listed = await all(client.beta.agents.list({ limit: 2, "created_at[gte]": since }));
    expect(listed.map(({ id }) => id)).toEqual(ids.toReversed());
    await expect(client.beta.agents.list({ page: "rubbish" })).rejects.toThrow(Anthropic.BadRequestError);
  });
});

describe("environments and skills", () => {
  test("environments have unique names, a fixed type, and typed errors", async () => {
    const made = await client.beta.environments.create({
      name: "unique",
      config: { type: "cloud", networking: { type: "limited" } },
    });
    expect(made.config).toMatchObject({ networking: { type: "limited", allow_mcp_servers: false, allowed_hosts: [] } });
    await expect(client.beta.environments.create({ name: "unique" })).rejects.toThrow(Anthropic.ConflictError);
    const retype = await client.beta.environments
      .update(made.id, { config: { type: "self_hosted" } })
      .catch((error: unknown) => error);
    expect(retype).toMatchObject({ status: 400, errorCode: "invalid_config_type_change" });
    expect((await client.beta.environments.update(made.id, { description: "d" })).description).toBe("d");
    await client.beta.environments.archive(made.id);
    const late = await client.beta.environments.update(made.id, { description: "e" }).catch((error: unknown) => error);
    expect(late).toMatchObject({ errorCode: "environment_archived" });
    expect(await client.beta.environments.delete(made.id)).toEqual({ id: made.id, type: "environment_deleted" });
    const gone = await client.beta.environments.retrieve(made.id).catch((error: unknown) => error);
    expect(gone).toMatchObject({ status: 404, errorCode: "environment_not_found" });
    expect((await all(client.beta.environments.list())).map(({ id }) => id)).not.toContain(made.id);
  });

  test("skills are uploaded as files with paths, have versions, and are pinned by agents", async () => {
    const text = '---\nname: web-search\ndescription: "Finds things"\n---\n# How\n';
    const files = [
      await toFile(Buffer.from(text), "web-search/SKILL.md"),
      await toFile(Buffer.from("x"), "web-search/ref/a.txt"),
    ];
    const skill = await client.beta.skills.create({ files, display_name: "Web search" });
    expect(skill).toMatchObject({ type: "skill", display_name: "Web search", source: { type: "custom" } });
    const version = await client.beta.skills.versions.retrieve(skill.latest_version_id, { skill_id: skill.id });
    expect(version).toMatchObject({ name: "web-search", description: "Finds things", skill_id: skill.id });
    const second = await client.beta.skills.versions.create(skill.id, { files });
    expect((await client.beta.skills.retrieve(skill.id)).latest_version_id).toBe(second.id);
    expect(await all(client.beta.skills.versions.list(skill.id))).toHaveLength(2);
    expect((await all(client.beta.skills.list({ source: "custom" }))).map(({ id }) => id)).toContain(skill.id);
    const agent = await client.beta.agents.create({
      ...plain,
      tools: [{ type: "agent_toolset_20260401" }],
      skills: [{ type: "custom", skill_id: skill.id }],
    });
    expect(agent.skills).toEqual([{ type: "custom", skill_id: skill.id, version: second.id }]);
    await expect(client.beta.skills.create({ files: [await toFile(Buffer.from("x"), "a/readme.md")] })).rejects.toThrow(
      Anthropic.BadRequestError,
    );
    expect(await client.beta.skills.delete(skill.id)).toEqual({ id: skill.id, type: "skill_deleted" });
  });
});

describe("vaults", () => {
  test("a secret goes in and never comes out", async () => {
    const secret = "s3cret-token-value";
    const vault = await client.beta.vaults.create({ display_name: "v", metadata: { sid: "1" } });
    const created = await client.beta.vaults.credentials.create(vault.id, {
      auth: { type: "static_bearer", mcp_server_url: "https://crm.example/mcp", token: secret },
    });
    expect(created.auth).toEqual({ type: "static_bearer", mcp_server_url: "https://crm.example/mcp" });
    const at = { vault_id: vault.id };
    const seen = [
      created,
      await client.beta.vaults.credentials.retrieve(created.id, at),
      await client.beta.vaults.credentials.update(created.id, {
        ...at,
        auth: { type: "static_bearer", token: `${secret}2` },
      }),
      ...(await all(client.beta.vaults.credentials.list(vault.id))),
      await client.beta.vaults.credentials.archive(created.id, at),
      await (await raw("/_control/requests")).json(),
    ];
    expect(JSON.stringify(seen)).not.toContain(secret);
    expect(await all(client.beta.vaults.credentials.list(vault.id))).toEqual([]);
  });

  test("one active credential per normalised URL", async () => {
    const vault = await client.beta.vaults.create({ display_name: "v" });
    const create = (mcp_server_url: string) =>
      client.beta.vaults.credentials.create(vault.id, { auth: { type: "static_bearer", mcp_server_url, token: "t" } });
    const first = await create("https://crm.example/mcp");
    await expect(create("HTTPS://CRM.example:443/mcp/")).rejects.toThrow(Anthropic.ConflictError);
    await create("https://crm.example/other");
    await client.beta.vaults.credentials.delete(first.id, { vault_id: vault.id });
    await create("https://crm.example/mcp");
  });

  test("other kinds of credential are stored without their secrets", async () => {
    const vault = await client.beta.vaults.create({ display_name: "v" });
    const oauth = await client.beta.vaults.credentials.create(vault.id, {
      auth: {
        type: "mcp_oauth",
        mcp_server_url: "https://a.example/mcp",
        access_token: "hidden-a",
        refresh: {
          client_id: "c",
          refresh_token: "hidden-r",
          token_endpoint: "https://a.example/token",
          token_endpoint_auth: { type: "client_secret_basic", client_secret: "hidden-s" },
        },
      },
    });
    const variable = await client.beta.vaults.credentials.create(vault.id, {
      auth: {
        type: "environment_variable",
        secret_name: "K",
        secret_value: "hidden-v",
        networking: { type: "unrestricted" },
      },
    });
    expect(oauth.auth).toMatchObject({ refresh: { token_endpoint_auth: { type: "client_secret_basic" } } });
    expect(JSON.stringify([oauth, variable])).not.toContain("hidden");
  });

  test("archiving a vault archives its credentials and bars new sessions", async () => {
    const vault = await client.beta.vaults.create({ display_name: "v" });
    await client.beta.vaults.credentials.create(vault.id, {
      auth: { type: "static_bearer", mcp_server_url: "https://crm.example/mcp", token: "t" },
    });
    await client.beta.vaults.archive(vault.id);
    const [credential] = await all(client.beta.vaults.credentials.list(vault.id, { include_archived: true }));
    expect(credential?.archived_at).not.toBeNull();
    const agent = await client.beta.agents.create(plain);
    const session = { agent: agent.id, environment_id: await environment(client), vault_ids: [vault.id] };
    await expect(client.beta.sessions.create(session)).rejects.toThrow(Anthropic.BadRequestError);
    expect(await client.beta.vaults.delete(vault.id)).toEqual({ id: vault.id, type: "vault_deleted" });
    await expect(client.beta.vaults.retrieve(vault.id)).rejects.toThrow(Anthropic.NotFoundError);
  });
});

describe("faults", () => {
  const arm = (fault: unknown) => raw("/_control/faults", { method: "POST", body: JSON.stringify(fault) });
  const creates = async () => {
    const { data } = (await (await raw("/_control/requests")).json()) as { data: { method: string; path: string }[] };
    return data.filter(({ method, path }) => method === "POST" && path === "/v1/vaults").length;
  };
  const match = { method: "POST", path: "^/v1/vaults$" };

  test.each([
    ["429", Anthropic.RateLimitError],
    ["500", Anthropic.InternalServerError],
    ["529", Anthropic.InternalServerError],
    ["drop_before", Anthropic.APIConnectionError],
    ["drop_after", Anthropic.APIConnectionError],
  ])("%s reaches the client as its own error", async (kind, type) => {
    const vaults = (await all(client.beta.vaults.list())).length;
    await arm({ match, kind, retry_after: 1 });
    await expect(client.beta.vaults.create({ display_name: kind })).rejects.toThrow(type);
    expect(await all(client.beta.vaults.list())).toHaveLength(kind === "drop_after" ? vaults + 1 : vaults);
    await client.beta.vaults.create({ display_name: "fine again" });
  });

  test("the SDK's own retries of a dropped create make a second object", async () => {
    await raw("/_control/requests", { method: "DELETE" });
    await arm({ match, kind: "drop_after" });
    await clientFor(simulator, { maxRetries: 1 }).beta.vaults.create({ display_name: "twice" });
    expect(await creates()).toBe(2);
    expect((await all(client.beta.vaults.list())).filter(({ display_name }) => display_name === "twice")).toHaveLength(
      2,
    );
  });

  test("an armed delay holds the answer back, and faults can be cleared", async () => {
    await arm([
      { match, kind: "delay", delay_ms: 80 },
      { match, kind: "500", times: 5 },
    ]);
    const began = Date.now();
    await client.beta.vaults.create({ display_name: "slow" });
    expect(Date.now() - began).toBeGreaterThanOrEqual(75);
    await raw("/_control/faults", { method: "DELETE" });
    await client.beta.vaults.create({ display_name: "quick" });
    expect((await arm({ kind: "nonsense" })).status).toBe(400);
    expect((await arm({ kind: "500", match: { path: "(" } })).status).toBe(400);
  });
});
