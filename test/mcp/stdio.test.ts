import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiFixture, startApiFixture } from "./api-fixture.ts";
import { agentDetail } from "./views.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await startApiFixture();
});
afterEach(() => api.stop());

test("a person's own client gets the same tools over stdio, with a token that names the client", async () => {
  api.on("POST /agents", { status: 201, body: agentDetail(40, "helper") });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL("programs/stdio.ts", import.meta.url))],
    env: { API_URL: api.url, TOKEN: "header.payload.signature", CLIENT: "editor" },
  });
  const client = new Client({ name: "editor", version: "1.0.0" });
  await client.connect(transport);
  expect((await client.listTools()).tools).toHaveLength(11);
  const twice = [1, 2].map(() => client.callTool({ name: "create_agent", arguments: { name: "helper", ou: "/acme" } }));
  for (const result of await Promise.all(twice)) expect(result.structuredContent).toMatchObject({ status: "applied" });
  const [exchange] = api.to("/oauth/token");
  expect(exchange?.headers["authorization"]).toBeUndefined();
  expect(exchange?.body).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: "header.payload.signature",
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    actor_client: "editor",
    scope: "agent.create",
  });
  const [first, second] = api.to("/agents").map(({ headers }) => headers["idempotency-key"]);
  expect(second).toBe(first);
  await client.close();
});
