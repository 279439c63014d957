import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createApiClient } from "../../cli/api-client.ts";
import { againAfter, readRetryAfter } from "../../cli/ask-again.ts";
import { CliFailure, exitCodes } from "../../cli/failure.ts";
import { followRun } from "../../cli/run/follow.ts";
import { followSession } from "../../cli/session-stream.ts";

const refused = (status: number, problem: object = {}, retryAfterMs?: number) =>
  new CliFailure(exitCodes.failed, "no", { status, ...problem }, { retryAfterMs });

describe("what is asked again", () => {
  test.each<[string, unknown, number | undefined]>([
    ["a connection that breaks", new Error("cut"), 100],
    ["an API that cannot be reached", new CliFailure(exitCodes.unreachable, "gone"), 100],
    ["a server's failure", refused(502), 100],
    ["one that says when", refused(503, {}, 3_000), 3_000],
    ["what the problem calls retryable", refused(409, { retryable: true }), 100],
    ["too many requests, with a time", refused(429, {}, 2_000), 2_000],
    ["too many requests, with less time than is waited anyway", refused(429, {}, 0), 100],
    ["too many requests, without a time", refused(429), undefined],
    ["a refusal", refused(403), undefined],
    ["a refusal with a time", refused(403, {}, 1_000), undefined],
    ["what is missing", refused(404, { retryable: false }), undefined],
  ])("%s", (_, error, wait) => {
    expect(againAfter(error, 100)).toBe(wait);
  });

  test("when is said in seconds or as a date", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const said = ["0", "7", "Thu, 01 Jan 2026 00:01:00 GMT", "Thu, 01 Jan 2025 00:00:00 GMT", "soon", "-1", "1.5", ""];
    expect(said.map((value) => readRetryAfter(value, now))).toEqual([
      0,
      7_000,
      60_000,
      0,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(readRetryAfter(null, now)).toBeUndefined();
  });
});

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** An API that gives these answers, one after the other, and then the last one. */
async function answering(...answers: { status: number; headers?: Record<string, string>; body?: unknown }[]) {
  const asked: string[] = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const { status, headers = {}, body = {} } = answers[Math.min(asked.length, answers.length) - 1] ?? { status: 500 };
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { api: createApiClient({ apiUrl: `http://127.0.0.1:${port}`, token: "t" }), asked };
}

async function drained(news: AsyncGenerator<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of news) count += 1;
  return count;
}

describe("whoever follows and is told to come later", () => {
  const later = { status: 429, headers: { "retry-after": "0" } };

  test("a run: asks again", async () => {
    const { api, asked } = await answering(
      later,
      later,
      { status: 404 },
      { status: 200, body: { completed_at: "2026-01-01T00:00:00Z" } },
      { status: 200, body: { data: [] } },
    );
    expect(await drained(followRun({ api, runId: "r" }))).toBe(0);
    expect(asked).toHaveLength(5);
  });

  test("a session: asks again", async () => {
    const { api, asked } = await answering(later, later, { status: 403 });
    await expect(drained(followSession({ api, sessionId: "s" }))).rejects.toMatchObject({ problem: { status: 403 } });
    expect(asked).toHaveLength(3);
  });

  test("gives up when nobody says when, or it is said for too late", async () => {
    for (const headers of [{}, { "retry-after": "3600" }] as Record<string, string>[]) {
      const { api, asked } = await answering({ status: 429, headers });
      await expect(drained(followRun({ api, runId: "r" }))).rejects.toMatchObject({ problem: { status: 429 } });
      await expect(drained(followSession({ api, sessionId: "s" }))).rejects.toMatchObject({ problem: { status: 429 } });
      expect(asked).toHaveLength(2);
      server?.closeAllConnections();
      server?.close();
    }
  });
});
