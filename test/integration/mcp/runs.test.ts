import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../../attack/send.ts";
import { actions } from "../../../contracts/actions.ts";
import { reads } from "../../../contracts/reads.ts";
import { runToolOperations } from "../../../contracts/run-tools.ts";
import type { Person } from "../../../demo/api.ts";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { ask, exchangeBearer, exchangeUserToken } from "../../support/ask.ts";
import { query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { sampleFiles } from "../../support/runs.ts";
import { bearerOf, bootstrap, invoke, makeAgent } from "../../support/sessions.ts";

const runsUrl = new URL("runs/mcp", sharedStack().mcpUrl).href;
const fiveTools = ["start_run", "get_run", "wait_run", "list_runs", "cancel_run"];

/** An organisation with an agent that has `powerloom_runs`, and a session of somebody's with it. */
interface Scene {
  organisation: TestOrganisation;
  agentId: string;
  serverId: string;
  emma: Person & { id: string };
  sessionId: string;
  bearer: string;
}

async function setScene(label: string): Promise<Scene> {
  const organisation = await makeOrganisation(label);
  const { admin, root } = organisation;
  const { id: serverId } = await admin.make<{ id: string }>("/mcp-servers", {
    name: "powerloom-runs",
    ou: root,
    url: runsUrl,
    deployment: "shared",
  });
  const { id: agentId } = await makeAgent(admin, { name: "starter", ou: root });
  await admin.make(`/agents/${agentId}/mcp-servers`, { mcp_server_id: serverId });
  await admin.make(`/agents/${agentId}/credentials`, { mcp_server_id: serverId });
  const emma = await organisation.person("emma", { roles: [{ role: "AgentUser", ou: root }] });
  const sessionId = await invoke(emma, agentId);
  return { organisation, agentId, serverId, emma, sessionId, bearer: await bearerOf(sessionId, serverId) };
}

let one: Scene;
let two: Scene;
let metaBearer: string;
beforeAll(async () => {
  [one, two] = await Promise.all([setScene("mcpruns"), setScene("mcpruns-b")]);
  const { admin, root } = one.organisation;
  const { agentId } = await bootstrap(admin, root);
  metaBearer = await bearerOf(await invoke(admin, agentId));
});

type Value = Record<string, unknown> & { run: Record<string, unknown> };
interface Tools {
  list(): Promise<string[]>;
  call(name: string, input?: Record<string, unknown>): Promise<{ isError: boolean; value: Value }>;
}

function toolsOf(client: Pick<Client, "listTools" | "callTool">): Tools {
  return {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input = {}) => {
      const { isError, structuredContent, content } = await client.callTool({ name, arguments: input });
      const text = (content as { text: string }[])[0]?.text ?? "{}";
      return { isError: isError === true, value: (structuredContent ?? JSON.parse(text)) as Value };
    },
  };
}

const requestInit = (bearer: string) => ({ headers: { authorization: `Bearer ${bearer}` } });

async function connect(bearer: string): Promise<Tools> {
  const client = new Client({ name: "new", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(runsUrl), { requestInit: requestInit(bearer) }));
  return toolsOf(client);
}

async function connectOld(bearer: string): Promise<Tools> {
  const client = new OldClient({ name: "old", version: "1.0.0" });
  const transport = new OldTransport(new URL(runsUrl), { requestInit: requestInit(bearer) });
  // The old transport's declaration predates exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<OldClient["connect"]>[0]);
  return toolsOf(client as unknown as Client);
}

function waitUntil(tools: Tools, run_id: string, outcome: string): Promise<Value> {
  return eventually(
    async () => {
      const { value } = await tools.call("wait_run", { run_id, timeout_seconds: 20 });
      return value["outcome"] === outcome ? value : undefined;
    },
    `run ${run_id} is ${outcome}`,
    40_000,
  );
}

const rowOf = async (id: string) =>
  (
    await query<{ requester_id: string; act: string; sid: string }>(
      "select requester_id, act, sid from agent_runs where id = $1",
      [id],
    )
  )[0];

/** As `powerloom_runs` does it itself. */
async function asRunsServer(path: string, form: Record<string, string>): Promise<Answer> {
  const response = await fetch(sharedStack().apiUrl + path, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`powerloom_runs:${sharedStack().mcpClientSecret}`).toString("base64")}`,
    },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const exchangeAtRuns = (bearer: string, scope: string) =>
  asRunsServer("/oauth/token", {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: bearer,
    subject_token_type: "urn:powerloom:token-type:session-bearer",
    scope,
  });

describe("an agent with powerloom_runs", () => {
  test.each([
    ["SDK 2", connect],
    ["SDK 1", connectOld],
  ])("starts a run for its person and follows it to its end, with %s", async (sdk, open) => {
    const { agentId, bearer, sessionId, emma, organisation } = one;
    const tools = await open(bearer);
    expect(await tools.list()).toEqual(fiveTools);
    const task = {
      task: `Find and fix the failing test, with ${sdk}.`,
      agent: "planner",
      ou: organisation.root,
      budget: { tokens: 100_000 },
      files: sampleFiles,
    };
    const { value: started } = await tools.call("start_run", task);
    const id = String(started.run["id"]);
    expect((await tools.call("start_run", task)).value.run["id"]).toBe(id);
    expect(await waitUntil(tools, id, "ended")).toMatchObject({ run: { status: "completed", output: {} } });
    expect((await tools.call("start_run", task)).value["message"]).toContain("idempotency_key");
    expect((await tools.call("get_run", { run_id: id })).value).toMatchObject({
      id,
      steps: expect.arrayContaining([expect.objectContaining({ tool: "read_file", status: "success" })]),
      steps_truncated: false,
    });
    const listed = (await tools.call("list_runs", { status: "completed" })).value["runs"] as { id: string }[];
    expect(listed.map((run) => run.id)).toContain(id);
    expect(await tools.call("cancel_run", { run_id: id })).toMatchObject({
      isError: true,
      value: { status: 409, detail: "The run is already completed." },
    });

    expect(await rowOf(id)).toEqual({ requester_id: emma.id, act: `agent:${agentId}`, sid: sessionId });
    const { data } = await organisation.admin.get<{ data: object[] }>(`/audit?target=run:${id}&operation=run.start`);
    expect(data).toMatchObject([
      { sub: emma.id, act: `agent:${agentId}`, delegated_from_session: sessionId, outcome: "accepted" },
    ]);
  });

  test.for(variant("is told that a run waits for a person, whom it cannot stand in for, and may end the run"))(
    "%s",
    async (_, context) => {
      const sandbox = await sandboxAvailability();
      if (!sandbox.available) {
        console.log(`skipped: ${sandbox.reason}`);
        context.skip();
      }
      const { bearer, agentId, sessionId, emma, organisation } = one;
      const tools = await connect(bearer);
      const { value } = await tools.call("start_run", { task: "Find and fix the failing test.", files: sampleFiles });
      const id = String(value.run["id"]);
      const waiting = await waitUntil(tools, id, "waiting_for_person");
      const [{ request_id } = { request_id: "" }] = waiting["waiting"] as { request_id: string }[];
      expect(waiting["message"]).toContain(request_id);
      const vote = { decision: "approve", digest: "0".repeat(64) };
      for (const token of [
        String((await exchangeUserToken(emma.token, "approval.vote", "editor")).body["access_token"]),
        String((await exchangeAtRuns(bearer, "run.get")).body["access_token"]),
      ])
        expect(await ask(token, "POST", `/approvals/${request_id}/votes`, vote)).toMatchObject({
          status: 403,
          body: { rule: "not-delegable" },
        });

      expect((await tools.call("cancel_run", { run_id: id, reason: "not today" })).value).toMatchObject({
        status: "accepted",
      });
      expect(await waitUntil(tools, id, "ended")).toMatchObject({ run: { status: "cancelled" } });
      const [audited] = await query(
        `select entry from control_plane_audit where organisation_id = $1
        and entry->>'operation' = 'run.cancel' and entry->>'target' = $2`,
        [organisation.organisationId, `run:${id}`],
      );
      expect(audited).toMatchObject({
        entry: {
          sub: emma.id,
          act: `agent:${agentId}`,
          delegated_from_session: sessionId,
          rule: "own-run",
          detail: { reason: "not today" },
        },
      });
    },
  );

  test("sees and ends runs of its person only, even where that person might read others'", async () => {
    const { organisation, agentId, serverId, emma } = one;
    const { admin, root } = organisation;
    const { id } = await emma.make<{ id: string }>("/runs", { task: "Of Emma's own", ou: root });
    expect((await admin.get<{ id: string }>(`/runs/${id}`)).id).toBe(id);
    const tools = await connect(await bearerOf(await invoke(admin, agentId), serverId));
    for (const name of ["get_run", "wait_run", "cancel_run"])
      expect(await tools.call(name, { run_id: id })).toMatchObject({ isError: true, value: { status: 404 } });
    expect((await tools.call("list_runs")).value).toEqual({ runs: [], more: false });
    // Emma's agent sees what she started by herself.
    expect((await (await connect(one.bearer)).call("get_run", { run_id: id })).value).toMatchObject({ id });
  });

  test("of another tenant finds nothing of this one", async () => {
    const { organisation, emma } = one;
    const { id } = await emma.make<{ id: string }>("/runs", { task: "Private", ou: organisation.root });
    const tools = await connect(two.bearer);
    for (const name of ["get_run", "wait_run", "cancel_run"])
      expect(await tools.call(name, { run_id: id })).toMatchObject({ isError: true, value: { status: 404 } });
    expect((await tools.call("start_run", { task: "There", ou: organisation.root })).value).toMatchObject({
      status: 404,
    });
  });

  test("may do no more than its person may: once their role is revoked, the denial is passed on", async () => {
    const { organisation, agentId, serverId } = one;
    const { root, admin } = organisation;
    const leaver = await organisation.person("leaver", { roles: [{ role: "AgentUser", ou: root }] });
    const tools = await connect(await bearerOf(await invoke(leaver, agentId), serverId));
    expect((await tools.call("list_runs")).isError).toBe(false);
    const { data } = await admin.get<{ data: { id: string }[] }>(`/bindings?user=${leaver.email}`);
    for (const { id } of data) expect((await admin.send("DELETE", `/bindings/${id}`)).status).toBe(200);
    expect(await tools.call("start_run", { task: "x", ou: root })).toMatchObject({
      isError: true,
      value: { status: 403, code: "forbidden", missing: { permission: "run:create", ou: root } },
    });
  });
});

test("a person's own client has the same tools over stdio, with that person's rights and in its own name", async () => {
  const { emma, organisation } = one;
  const client = new Client({ name: "editor", version: "1.0.0" });
  const args = ["mcp", "--server", "runs", "--client-name", "my-editor"];
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [fileURLToPath(new URL("../../../cli/main.ts", import.meta.url)), ...args],
      env: { POWERLOOM_API_URL: sharedStack().apiUrl, POWERLOOM_TOKEN: emma.token },
    }),
  );
  const tools = toolsOf(client);
  expect(await tools.list()).toEqual(fiveTools);
  const { value } = await tools.call("start_run", { task: "From my editor", ou: organisation.root });
  const id = String(value.run["id"]);
  expect(await rowOf(id)).toEqual({ requester_id: emma.id, act: "client:my-editor", sid: "" });
  await waitUntil(tools, id, "ended");
  await client.close();
});

describe("the endpoint of powerloom_runs", () => {
  const status = async (bearer: string | undefined) =>
    (
      await fetch(runsUrl, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      })
    ).status;

  test("takes bearers of running sessions that were made for it, and no other token", async () => {
    const { emma, agentId, serverId, bearer } = one;
    const ended = await invoke(emma, agentId);
    const endedBearer = await bearerOf(ended, serverId);
    expect(await status(endedBearer)).toBe(200);
    expect((await emma.send("POST", `/sessions/${ended}/end`, {})).status).toBe(200);
    const refused: Record<string, string | undefined> = {
      none: undefined,
      unknown: `pls_${"x".repeat(43)}`,
      "of an ended session": endedBearer,
      "of powerloom_meta": metaBearer,
      "a person's token for the API": emma.token,
      "a delegated token for the API": String((await exchangeAtRuns(bearer, "run.list")).body["access_token"]),
    };
    for (const [what, token] of Object.entries(refused)) expect([what, await status(token)]).toEqual([what, 401]);
    expect(await status(bearer)).toBe(200);
  });
});

describe("delegation by powerloom_runs", () => {
  test("is for the operations of its tools, by its own bearers; powerloom_meta has no part in them", async () => {
    const operations = new Set(Object.values(runToolOperations));
    for (const op of operations) {
      expect((await exchangeAtRuns(one.bearer, op)).status).toBe(200);
      expect(await exchangeBearer(metaBearer, op)).toMatchObject({ status: 400, body: { error: "invalid_scope" } });
      expect(await exchangeAtRuns(metaBearer, op)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    }
    for (const op of ["agent.create", "agent.list", "run.message", "run.export", "approval.vote"])
      expect(await exchangeAtRuns(one.bearer, op)).toMatchObject({ status: 400, body: { error: "invalid_scope" } });
    expect(await exchangeBearer(one.bearer, "agent.list")).toMatchObject({ body: { error: "invalid_grant" } });
    const introspected = async (token: string) => (await asRunsServer("/oauth/introspect", { token })).body["active"];
    expect([await introspected(one.bearer), await introspected(metaBearer)]).toEqual([true, false]);
  });

  test("opens nothing else about runs: every other route is refused, whatever the token names", async () => {
    const operations = new Set<string>(Object.values(runToolOperations));
    const routes = [
      ...actions.map(({ name, path }) => ({ name: name as string, path, method: "POST" })),
      ...reads.map(({ name, path }) => ({ name, path, method: "GET" })),
    ].filter(({ path, name }) => path.startsWith("/runs") && !operations.has(name));
    expect(routes.map(({ name }) => name).toSorted()).toEqual([
      "permission_request.list",
      "run.export",
      "run.message",
      "run.pause",
      "run.resume",
      "run_event.list",
      "run_file.list",
    ]);
    for (const { name, path, method } of routes) {
      const token = String((await exchangeUserToken(one.emma.token, name, "editor")).body["access_token"]);
      const filled = path.replace(":run_id", "01890000-0000-7000-8000-000000000000");
      const answer = await ask(token, method, filled, method === "POST" ? {} : undefined);
      expect([name, answer.status, answer.body["rule"]]).toEqual([name, 403, "not-delegable"]);
    }
  });

  test("keeps apart the keys of a person and of those who act for them", async () => {
    const { emma, organisation } = one;
    const start = async (token: string) => {
      const response = await fetch(`${sharedStack().apiUrl}/runs`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          "idempotency-key": "the-same",
        },
        body: JSON.stringify({ task: "Once each", ou: organisation.root }),
      });
      expect(response.status).toBe(201);
      return ((await response.json()) as { id: string }).id;
    };
    const through = async (client: string) =>
      start(String((await exchangeUserToken(emma.token, "run.start", client)).body["access_token"]));
    const ids = [await start(emma.token), await through("editor"), await through("other")];
    expect(new Set(ids).size).toBe(3);
    expect([await start(emma.token), await through("editor")]).toEqual(ids.slice(0, 2));
    expect(await rowOf(ids[0] ?? "")).toMatchObject({ act: "", sid: "" });
    expect(await rowOf(ids[1] ?? "")).toMatchObject({ act: "client:editor", sid: "" });
  });
});
