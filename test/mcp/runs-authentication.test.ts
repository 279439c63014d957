import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../mcp-server/config.ts";
import { type RunsScene, setRunsScene } from "./runs-scene.ts";

let scene: RunsScene;
beforeEach(async () => {
  scene = await setRunsScene();
});
afterEach(() => scene.close());

const initialise = (url: string, authorization?: string) =>
  fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
    }),
  });

test("a bearer that was made for this server gets in, and it is asked about under this server's name", async () => {
  expect((await initialise(scene.mcp.runsUrl, `Bearer ${scene.runsBearer}`)).status).toBe(200);
  const [asked] = scene.api.to("/oauth/introspect");
  const basic = Buffer.from((asked?.headers["authorization"] ?? "").replace("Basic ", ""), "base64").toString();
  expect(basic).toMatch(/^powerloom_runs:/);
});

test.each([
  ["no Authorization header", () => undefined],
  ["an unknown bearer", () => `Bearer pls_${"u".repeat(43)}`],
  ["a revoked bearer", () => `Bearer ${scene.newBearer("revoked", { active: false })}`],
  [
    "an expired bearer",
    () => `Bearer ${scene.newBearer("expired", { aud: scene.mcp.runsUrl, exp: Math.floor(Date.now() / 1000) - 1 })}`,
  ],
  ["a bearer for powerloom_meta", () => `Bearer ${scene.bearer}`],
  [
    "a bearer for another tenant's server",
    () => `Bearer ${scene.newBearer("o", { aud: "https://other.example/runs/mcp" })}`,
  ],
  ["a token for the API", () => "Bearer eyJhbGciOiJFZERTQSJ9.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl"],
  ["a credential of another kind", () => `Bearer plc_${"c".repeat(43)}`],
])("%s is answered with 401 and the address of this resource's metadata", async (_what, authorization) => {
  const response = await initialise(scene.mcp.runsUrl, authorization());
  expect(response.status).toBe(401);
  const origin = new URL(scene.mcp.url).origin;
  expect(response.headers.get("www-authenticate")).toContain(
    `resource_metadata="${origin}/.well-known/oauth-protected-resource/runs/mcp"`,
  );
});

test("nor does a bearer for this server get into powerloom_meta", async () => {
  expect((await initialise(scene.mcp.url, `Bearer ${scene.runsBearer}`)).status).toBe(401);
});

test("the metadata names this resource under its own path; without a path it is powerloom_meta's", async () => {
  const origin = new URL(scene.mcp.url).origin;
  const resourceAt = async (path: string) =>
    ((await (await fetch(origin + path)).json()) as { resource: string }).resource;
  expect(await resourceAt("/.well-known/oauth-protected-resource/runs/mcp")).toBe(scene.mcp.runsUrl);
  expect(await resourceAt("/.well-known/oauth-protected-resource/mcp")).toBe(scene.mcp.url);
  expect(await resourceAt("/.well-known/oauth-protected-resource")).toBe(scene.mcp.url);
});

test("a session that ended gets no further, even on an open client", async () => {
  const client = await scene.connectRuns();
  await client.listTools();
  scene.api.bearers.set(scene.runsBearer, { active: false });
  await expect(client.callTool({ name: "list_runs", arguments: {} })).rejects.toThrow(
    /session has ended|[Uu]nauthorized/,
  );
  expect(scene.api.to("/oauth/token")).toHaveLength(0);
});

test("its URL is beside that of powerloom_meta unless it is given", () => {
  expect(scene.mcp.runsUrl).toBe(scene.mcp.url.replace(/mcp$/, "runs/mcp"));
  const settings = { POWERLOOM_API_URL: "https://api.example", POWERLOOM_MCP_CLIENT_SECRET: "s" };
  const read = readConfig({ ...settings, POWERLOOM_MCP_RUNS_PUBLIC_URL: "https://runs.example/mcp/" });
  expect(read).toMatchObject({ config: { runsPublicUrl: "https://runs.example/mcp" } });
});
