import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../mcp-server/config.ts";
import { type ApiFixture, clientSecret, startApiFixture } from "./api-fixture.ts";
import { uuid } from "./views.ts";

const main = fileURLToPath(new URL("../../mcp-server/main.ts", import.meta.url));

let api: ApiFixture;
let child: ChildProcess | undefined;
beforeEach(async () => {
  api = await startApiFixture();
});
afterEach(async () => {
  child?.kill("SIGKILL");
  child = undefined;
  await api.stop();
});

test("every fault of the settings is named, with the variable it is in", () => {
  const read = readConfig({
    POWERLOOM_MCP_PORT: "many",
    POWERLOOM_MCP_PUBLIC_URL: "ftp://example.com/mcp",
    POWERLOOM_API_URL: "",
  });
  expect(read).toEqual({
    ok: false,
    faults: [
      "POWERLOOM_MCP_PORT must be a number.",
      "POWERLOOM_MCP_PUBLIC_URL must be an http or https URL.",
      "POWERLOOM_API_URL is required: where the REST API is.",
      "POWERLOOM_MCP_CLIENT_SECRET is required: the secret with which `powerloom_meta` authenticates itself at the API.",
    ],
  });
});

test("a slash at the end of a URL makes no difference", () => {
  const read = readConfig({
    POWERLOOM_API_URL: "https://api.example/",
    POWERLOOM_MCP_PUBLIC_URL: "https://mcp.example/mcp/",
    POWERLOOM_MCP_CLIENT_SECRET: "s",
  });
  expect(read).toMatchObject({ config: { apiUrl: "https://api.example", publicUrl: "https://mcp.example/mcp" } });
});

test("the settings have defaults but for the API and the secret", () => {
  const read = readConfig({ POWERLOOM_API_URL: "http://127.0.0.1:4000", POWERLOOM_MCP_CLIENT_SECRET: "s" });
  expect(read).toMatchObject({
    ok: true,
    config: { port: 4020, host: "127.0.0.1", publicUrl: undefined, apiInternalUrl: undefined, logLevel: "info" },
  });
});

test.each([
  // The 2025 protocol streams: its headers are out before the drain begins.
  ["2025", "legacy", "keep-alive"],
  ["2026", "auto", "close"],
] as const)(
  "asked to stop, the process finishes a call of the %s protocol, takes no new one and ends with 0",
  { timeout: 20_000 },
  async (_era, mode, connection) => {
    const publicUrl = "http://localhost/powerloom/mcp";
    child = spawn(process.execPath, [main], {
      env: {
        POWERLOOM_MCP_PORT: "0",
        POWERLOOM_MCP_PUBLIC_URL: publicUrl,
        POWERLOOM_API_URL: "https://powerloom.example",
        POWERLOOM_API_INTERNAL_URL: api.url,
        POWERLOOM_MCP_CLIENT_SECRET: clientSecret,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
    const { port } = JSON.parse(line.toString()) as { port: number };

    const metadata = await fetch(`http://localhost:${port}/.well-known/oauth-protected-resource/powerloom/mcp`);
    expect(await metadata.json()).toMatchObject({ authorization_servers: ["https://powerloom.example"] });

    const bearer = `pls_${"p".repeat(43)}`;
    const exp = Math.floor(Date.now() / 1000) + 60;
    api.bearers.set(bearer, { active: true, sub: uuid(7), sid: "sid-1", aud: publicUrl, exp });
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    api.on("GET /agents", async () => {
      arrived.resolve();
      await release.promise;
      return { status: 200, body: { data: [], next_cursor: null } };
    });

    const client = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode } });
    const connections: (string | null)[] = [];
    const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${bearer}` } },
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        connections.push(response.headers.get("connection"));
        return response;
      },
    });
    await client.connect(transport);
    const called = client.callTool({ name: "list_agents", arguments: {} });
    await arrived.promise;
    child.kill("SIGTERM");
    await expect.poll(() => fetch(`http://127.0.0.1:${port}/healthz`).catch(() => "refused")).toBe("refused");
    const released = performance.now();
    release.resolve();
    expect((await called).structuredContent).toEqual({ agents: [] });
    expect(connections.at(-1)).toBe(connection);
    expect(await exited).toEqual([0, null]);
    // Sooner than any keep-alive timeout would let it.
    expect(performance.now() - released).toBeLessThan(2_000);
  },
);
