import { request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Stage, setStage } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await setStage();
});
afterEach(() => stage.close());

const initialise = (authorization?: string) =>
  fetch(stage.mcp.url, {
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

test("a bearer that holds gets in", async () => {
  expect((await initialise(`Bearer ${stage.bearer}`)).status).toBe(200);
});

test.each([
  ["no Authorization header", () => undefined],
  ["another scheme", () => "Basic cG93ZXI6bG9vbQ=="],
  ["an unknown bearer", () => `Bearer pls_${"u".repeat(43)}`],
  ["a revoked bearer", () => `Bearer ${stage.newBearer("revoked", { active: false })}`],
  ["an expired bearer", () => `Bearer ${stage.newBearer("expired", { exp: Math.floor(Date.now() / 1000) - 1 })}`],
  ["a bearer for another server", () => `Bearer ${stage.newBearer("other", { aud: "https://other.example/mcp" })}`],
  ["a bearer for the API", () => `Bearer ${stage.newBearer("api", { aud: stage.api.url })}`],
  ["a credential of another kind", () => `Bearer plc_${"c".repeat(43)}`],
])("%s is answered with 401 and the address of the metadata", async (_what, authorization) => {
  const response = await initialise(authorization());
  expect(response.status).toBe(401);
  const origin = new URL(stage.mcp.url).origin;
  expect(response.headers.get("www-authenticate")).toContain('error="invalid_token"');
  expect(response.headers.get("www-authenticate")).toContain(
    `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
  );
});

test.each([
  ["a token for the API", "Bearer eyJhbGciOiJFZERTQSJ9.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl", /token for the API/],
  ["something else", "Bearer something-else", /Not a session-bound bearer/],
  ["two tokens", "Bearer one, two", /./],
])(
  "%s is refused without asking anybody about it, and the API is told why, but not what it was",
  async (_what, given, reason) => {
    expect((await initialise(given)).status).toBe(401);
    expect(stage.api.requests).toMatchObject([
      { path: "/oauth/introspect", body: { token: "", refused: expect.stringMatching(reason) } },
    ]);
    expect(JSON.stringify(stage.api.requests)).not.toContain(given.split(" ")[1]);
  },
);

test("nothing is told of a request that brings nothing, nor of one that the API has judged itself", async () => {
  expect((await initialise()).status).toBe(401);
  expect(stage.api.requests).toEqual([]);
  expect((await initialise(`Bearer pls_${"u".repeat(43)}`)).status).toBe(401);
  expect(stage.api.requests).toHaveLength(1);
});

test("the metadata names the resource and where its tokens come from, under both paths", async () => {
  const origin = new URL(stage.mcp.url).origin;
  for (const path of ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]) {
    const response = await fetch(origin + path);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      resource: stage.mcp.url,
      authorization_servers: [stage.api.url],
      bearer_methods_supported: ["header"],
    });
  }
});

test("every request is checked anew: a session that ended gets no further, even on an open client", async () => {
  const client = await stage.connect();
  await client.listTools();
  stage.api.bearers.set(stage.bearer, { active: false });
  await expect(client.callTool({ name: "list_ous", arguments: {} })).rejects.toThrow(
    /session has ended|[Uu]nauthorized/,
  );
  expect(stage.api.to("/oauth/token")).toHaveLength(0);
});

test("an API that cannot be reached is 503, not 401, and not ready", async () => {
  const { port } = stage.mcp;
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  await stage.api.stop();
  const response = await initialise(`Bearer ${stage.bearer}`);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(response.headers.get("www-authenticate")).toBeNull();
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  await stage.api.restart();
  expect((await initialise(`Bearer ${stage.bearer}`)).status).toBe(200);
});

test.each([
  ["an error of the API", { status: 500, body: { title: "Internal error" } }],
  ["a refusal of our own secret", { status: 401, body: { error: "invalid_client" } }],
  ["an answer that is no verdict", { status: 200, body: { active: "perhaps" } }],
])("%s while asking about a bearer is 503: the token itself was not judged", async (_what, answer) => {
  stage.api.on("POST /oauth/introspect", answer);
  expect((await initialise(`Bearer ${stage.bearer}`)).status).toBe(503);
});

test("a page of another site, or under another name, is refused", async () => {
  const headers = { authorization: `Bearer ${stage.bearer}` };
  expect(
    (await fetch(stage.mcp.url, { method: "POST", headers: { ...headers, origin: "https://evil.example" } })).status,
  ).toBe(403);
  // fetch sets Host itself.
  const status = await new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { ...headers, host: "rebound.example" } };
    request(stage.mcp.url, options, (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
  expect(status).toBe(403);
});
