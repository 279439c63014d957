import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fiveTools, type RunsScene, run, runDetail, setRunsScene } from "./runs-scene.ts";
import { textOf } from "./stage.ts";
import { uuid } from "./views.ts";

const id = uuid(60);
const inputs: Record<string, Record<string, unknown>> = {
  start_run: { task: "Write a greeting", files: [{ path: "notes.txt", content: "hi" }] },
  get_run: { run_id: id },
  wait_run: { run_id: id, timeout_seconds: 1 },
  list_runs: { limit: 5 },
  cancel_run: { run_id: id, reason: "no longer needed" },
};

let scene: RunsScene;
beforeAll(async () => {
  scene = await setRunsScene();
  const { api } = scene;
  api.on("POST /runs", { status: 201, body: run(60, { status: "received" }) });
  api.on(`GET /runs/${id}`, { status: 200, body: runDetail(60) });
  api.on("GET /runs", { status: 200, body: { data: [run(60)], next_cursor: null } });
  api.on(`POST /runs/${id}/cancel`, { status: 202, body: { id: uuid(70), status: "accepted" } });
});
afterAll(() => scene.close());

const callAll = async (client: Pick<Client, "callTool">) => {
  for (const name of fiveTools) {
    const result = await client.callTool({ name, arguments: inputs[name] ?? {} });
    expect(result.isError, `${name}: ${textOf(result)}`).toBeFalsy();
    expect(JSON.parse(textOf(result))).toEqual(result.structuredContent);
  }
};

test.each(["auto", "legacy"] as const)(
  "a client of SDK 2 (%s) is offered exactly five tools, and each answer fits the schema it was promised",
  async (mode) => {
    const client = await scene.connectRuns(mode);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(fiveTools);
    for (const tool of tools) {
      expect(tool.title).toBeTruthy();
      expect((tool.description ?? "").length).toBeGreaterThan(40);
      expect(tool.inputSchema["type"]).toBe("object");
      expect(tool.outputSchema?.["type"]).toBe("object");
    }
    const hints = Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations]));
    for (const name of ["get_run", "wait_run", "list_runs"])
      expect(hints[name]).toMatchObject({ readOnlyHint: true, destructiveHint: false, openWorldHint: false });
    expect(hints["start_run"]).toMatchObject({ readOnlyHint: false, destructiveHint: true, openWorldHint: true });
    expect(hints["cancel_run"]).toMatchObject({ readOnlyHint: false, destructiveHint: true, openWorldHint: false });
    expect(client.getInstructions()).toContain("Nothing here approves");
    await callAll(client);
    await client.close();
  },
);

test("a client of SDK 1 lists and calls the five tools, and checks the answers against the output schemas", async () => {
  const client = new OldClient({ name: "old", version: "1.0.0" });
  const requestInit = { headers: { authorization: `Bearer ${scene.runsBearer}` } };
  // The old transport's declaration predates exactOptionalPropertyTypes.
  const transport = new OldTransport(new URL(scene.mcp.runsUrl), { requestInit });
  await client.connect(transport as Parameters<OldClient["connect"]>[0]);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(fiveTools);
  await callAll(client as unknown as Client);
  await client.close();
});

test("beside it, in the same process, powerloom_meta has its eleven tools and none of these", async () => {
  const { tools } = await (await scene.connect()).listTools();
  expect(tools).toHaveLength(11);
  expect(tools.filter(({ name }) => fiveTools.includes(name))).toEqual([]);
});

test("no tool approves, votes, pauses or steers, under whatever name it is called", async () => {
  const client = await scene.connectRuns();
  const before = scene.api.requests.length;
  for (const name of ["approve", "vote", "approval_vote", "pause_run", "resume_run", "message_run", "create_agent"]) {
    const outcome = await client
      .callTool({ name, arguments: { run_id: id, request_id: "req_1", decision: "approve" } })
      .catch(() => "no such tool");
    expect(outcome === "no such tool" || (outcome as { isError?: boolean }).isError, name).toBeTruthy();
  }
  const asked = scene.api.requests.slice(before).map(({ path }) => path);
  expect(asked.filter((path) => path !== "/oauth/introspect")).toEqual([]);
  // And whatever the tools are called with, these are the only things they ever ask the API for.
  const everAsked = new Set(scene.api.requests.map(({ method, path }) => `${method} ${path}`));
  for (const route of everAsked)
    expect(route).toMatch(
      /^(POST \/oauth\/(introspect|token)|(GET|POST) \/runs|GET \/runs\/[^/]+|POST \/runs\/[^/]+\/cancel)$/,
    );
  await client.close();
});

test("a person's own client gets the five tools over stdio, with tokens that name the client and one operation", async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL("programs/stdio-runs.ts", import.meta.url))],
    env: { API_URL: scene.api.url, TOKEN: "header.payload.signature", CLIENT: "editor" },
  });
  const client = new Client({ name: "editor", version: "1.0.0" });
  await client.connect(transport);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(fiveTools);
  const before = scene.api.to("/oauth/token").length;
  await callAll(client);
  const exchanges = scene.api.to("/oauth/token").slice(before);
  expect(exchanges.map(({ body }) => body["scope"])).toEqual([
    "run.start",
    "run.get",
    "run.get",
    "run.list",
    "run.cancel",
  ]);
  for (const { headers, body } of exchanges) {
    expect(headers["authorization"]).toBeUndefined();
    expect(body).toMatchObject({ subject_token: "header.payload.signature", actor_client: "editor" });
  }
  await client.close();
});
