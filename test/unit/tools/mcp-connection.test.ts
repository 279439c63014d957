import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { withMcpServer } from "../../../activities/runs/mcp-connection.ts";
import { readNetworks } from "../../../core/network/reach.ts";
import { createOutsideFetch } from "../../../tools/network/outside-fetch.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const reach = createOutsideFetch(readNetworks("127.0.0.1").opened);
const limits = { timeoutMs: 5_000, bytes: 100_000 };
const list = (url: string, given = limits, signal = new AbortController().signal) =>
  withMcpServer(reach, { url, bearer: "b" }, given, signal, (client, options) => client.listTools(undefined, options));

const json = (response: ServerResponse, body: string, type = "application/json") => {
  response.writeHead(200, { "content-type": type });
  response.end(body);
};

describe("a server that is none, or means ill, is a failure with a reason", () => {
  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ["says nothing of use", (_, response) => json(response, "<secret>", "text/html"), "cannot be read as MCP"],
    ["answers other JSON", (_, response) => json(response, '{"secret":"x"}'), "cannot be read as MCP"],
    ["answers broken JSON", (_, response) => json(response, '{"secret'), "cannot be read as MCP"],
    ["wants another token", (_, response) => response.writeHead(401).end("secret"), "it refused our token (HTTP 401)"],
    ["fails", (_, response) => response.writeHead(500).end("secret"), "it answered HTTP 500"],
    ["hangs up", (request) => request.socket.destroy(), "it cannot be reached"],
  ])("one that %s", async (_, answer, reason) => {
    const outcome = await list(await listening(answer));
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
    // Whatever stands there, it is not told on: it may be no MCP server at all.
    expect(outcome.ok ? "" : outcome.reason).not.toContain("secret");
  });

  test("one that redirects, even to itself: nothing else is asked", async () => {
    const asked: string[] = [];
    const elsewhere = await listening((request, response) => {
      asked.push(String(request.headers.authorization));
      json(response, "{}");
    });
    for (const to of [elsewhere, "/mcp/"]) {
      const url = await listening((_, response) => response.writeHead(307, { location: to }).end());
      expect(await list(url)).toMatchObject({ ok: false, reason: "it redirects, which is not followed" });
    }
    expect(asked).toEqual([]);
  });

  test("one that never stops talking", async () => {
    const url = await listening((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const pour = () => {
        while (response.write(`: ${"x".repeat(10_000)}\n\n`));
        response.once("drain", pour);
      };
      pour();
    });
    expect(await list(url)).toMatchObject({ ok: false, late: false, reason: "it answered more than 100000 bytes" });
  });

  test("one that is silent", async () => {
    const url = await listening(() => undefined);
    expect(await list(url, { ...limits, timeoutMs: 300 })).toMatchObject({
      ok: false,
      late: true,
      reason: "it took longer than 0.3 s",
    });
  });

  test("one that is silent when the work is called off", async () => {
    const stop = new AbortController();
    const url = await listening(() => stop.abort());
    expect(await list(url, limits, stop.signal)).toMatchObject({
      ok: false,
      late: false,
      reason: "it was interrupted",
    });
  });

  test.each(["ftp://x.test/mcp", "http://user:secret@127.0.0.1/mcp", "file:///etc/passwd"])("at %s", async (url) => {
    expect(await list(url)).toMatchObject({ ok: false });
  });
});
