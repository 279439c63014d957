import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createModelClient } from "../../claude/client.ts";
import { messageFault } from "../../claude/message-faults.ts";
import { createMessage } from "../../claude/messages.ts";
import { CallFailed, createModelEndpoints, type EndpointReport } from "../../claude/model-endpoints.ts";
import type { Simulator } from "../../simulator/server.ts";
import { start } from "./harness.ts";
import { armFaults, armMind, mindCalls } from "./minds.ts";

const model = "mind-e";
const request = { model, max_tokens: 100, messages: [{ role: "user" as const, content: "hello" }] };
let first: Simulator;
let second: Simulator;
let servers: Server[] = [];
let reports: EndpointReport[] = [];
let time = 0;

beforeEach(async () => {
  [first, second] = [(await start()).simulator, (await start()).simulator];
  reports = [];
  time = 1_000_000;
  await says(first, { text: "from the first" });
  await says(second, { text: "from the second" });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  for (const server of servers) server.close();
  await Promise.all([first.close(), second.close()]);
  servers = [];
});

const says = (simulator: Simulator, reply: Record<string, unknown>) =>
  armMind(simulator, { name: model, script: { turns: [reply], afterwards: "last" } });
const fails = (simulator: Simulator, fault: Record<string, unknown>, path = "^/v1/messages$") =>
  armFaults(simulator, { match: { path }, times: 1_000, ...fault });
const well = (simulator: Simulator) => fetch(`${simulator.url}/_control/faults`, { method: "DELETE" });
const hostOf = (url: string) => new URL(url).host;
const endpointsAt = (...urls: string[]) =>
  createModelEndpoints(
    urls.map((baseUrl, index) => createModelClient({ baseUrl, apiKey: `key-${index}` })),
    { now: () => time, tell: (report) => reports.push(report) },
  );
const both = () => endpointsAt(first.url, second.url);
const reached = async () => [(await mindCalls(first, model)).length, (await mindCalls(second, model)).length];
const failureOf = async (call: Promise<unknown>): Promise<CallFailed> => {
  const error: unknown = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof CallFailed)) throw new Error("it did not fail as expected", { cause: error });
  return error;
};

/** A server that answers everything in one way, and what it was sent. */
async function serve(status: number, body: unknown = {}): Promise<{ url: string; heard: IncomingHttpHeaders[] }> {
  const heard: IncomingHttpHeaders[] = [];
  const server = createServer((req, res) => {
    heard.push(req.headers);
    req.resume().once("end", () => {
      res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await new Promise((resolve) => server.once("listening", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

/** An address at which nobody listens. */
async function nobody(): Promise<string> {
  const { url } = await serve(200);
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return url;
}

describe("a call of a model with a fallback", () => {
  test("is answered by the first endpoint while that is well", async () => {
    const { reply, endpoint, passedOver } = await both().createMessage(request);
    expect(reply.content).toEqual([{ type: "text", text: "from the first", citations: null }]);
    expect({ endpoint, passedOver }).toEqual({ endpoint: hostOf(first.url), passedOver: [] });
    expect(await reached()).toEqual([1, 0]);
    expect(reports).toEqual([{ operation: "messages", endpoint: hostOf(first.url), outcome: "answered", why: "" }]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["overloaded", { kind: "529" }, "status 529"],
    ["failing", { kind: "500" }, "status 500"],
    ["rate limited for longer than is waited", { kind: "429", retry_after: 11 }, "status 429"],
    [
      "failing before its answer begins",
      { kind: "mid_stream_error", after_events: 0, error_type: "overloaded_error" },
      "status 529",
    ],
  ])("goes to the next when the first is %s: the same request for the same model", async (_, fault, why) => {
    await fails(first, fault);
    const heard: string[] = [];
    const { reply, endpoint, passedOver } = await both().createMessage(request, {
      onText: (delta) => void heard.push(delta),
    });
    expect(heard.join("")).toBe("from the second");
    expect({ model: reply.model, endpoint }).toEqual({ model, endpoint: hostOf(second.url) });
    expect(passedOver).toEqual([{ endpoint: hostOf(first.url), why }]);
    const direct = await createMessage(createModelClient({ baseUrl: second.url, apiKey: "k" }), request);
    expect(reply.usage).toEqual({ ...direct.usage });
    const [one, other] = await mindCalls(second, model);
    expect(one?.digest).toBe(other?.digest);
  });

  test("goes to the next when nobody listens at the first, or its name does not exist", async () => {
    const urls = [await nobody(), "https://no-such-host.invalid", "http://no-such-host.invalid"];
    const hosts = [hostOf(urls[0] ?? ""), "no-such-host.invalid", "no-such-host.invalid:80"];
    for (const [index, url] of urls.entries()) {
      const { endpoint, passedOver } = await endpointsAt(url, second.url).createMessage(request);
      expect(endpoint).toBe(hostOf(second.url));
      expect(passedOver).toEqual([
        { endpoint: hosts[index], why: expect.stringMatching(/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/) },
      ]);
    }
  });

  test("each endpoint gets its own key and no other", async () => {
    const one = await serve(503);
    const other = await serve(503);
    await failureOf(endpointsAt(one.url, other.url).createMessage(request));
    expect(one.heard.map((headers) => JSON.stringify(headers))).toEqual([expect.stringContaining("key-0")]);
    expect(JSON.stringify(one.heard)).not.toContain("key-1");
    expect(JSON.stringify(other.heard)).toContain("key-1");
    expect(JSON.stringify(other.heard)).not.toContain("key-0");
  });

  test("with both down is to be repeated, and nobody was charged", async () => {
    await fails(first, { kind: "529" });
    await fails(second, { kind: "500" });
    const { fault, endpoint, passedOver } = await failureOf(both().createMessage(request));
    expect(fault).toMatchObject({ kind: "definite", retryable: true });
    expect(fault).not.toHaveProperty("retryAfterMs");
    expect(endpoint).toBeNull();
    expect(passedOver.map(({ why }) => why)).toEqual(["status 529", "status 500"]);
    expect(await reached()).toEqual([0, 0]);
  });

  test("that both refuse until later is not sent before the earlier of the two times", async () => {
    await fails(first, { kind: "429", retry_after: 90 });
    await fails(second, { kind: "529", retry_after: 60 });
    const models = both();
    expect((await failureOf(models.createMessage(request))).fault).toMatchObject({ retryAfterMs: 60_000 });
    await well(second);
    time += 20_000;
    const { fault, passedOver } = await failureOf(models.createMessage(request));
    expect({ fault, passedOver }).toMatchObject({ fault: { retryAfterMs: 40_000 }, passedOver: [] });
    expect(reports).toHaveLength(2);
    time += 40_000;
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(second.url));
  });

  test.each([400, 401, 403, 404, 413])("that the first refuses with %i is refused", async (status) => {
    await says(first, { status, text: "no" });
    const { fault, endpoint } = await failureOf(both().createMessage(request));
    expect(fault).toMatchObject({ kind: "definite", retryable: false, status });
    expect(endpoint).toBe(hostOf(first.url));
    expect(await reached()).toEqual([1, 0]);
  });

  test("waits for a rate limit that soon ends instead of leaving the first", async () => {
    await fails(first, { kind: "429", retry_after: 3 });
    const { fault } = await failureOf(both().createMessage(request));
    expect(fault).toMatchObject({ kind: "definite", retryable: true, retryAfterMs: 3_000 });
    expect(await reached()).toEqual([0, 0]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["in the middle of its text", { kind: "cut_stream", after_events: 3 }],
    ["right after its headers", { kind: "cut_stream", after_events: 0 }],
    ["by an error", { kind: "mid_stream_error", after_events: 3, error_type: "overloaded_error" }],
  ])("whose answer breaks off %s is of unknown outcome, and not sent to another", async (_, fault) => {
    await fails(first, { ...fault, times: 1 });
    const models = both();
    expect((await failureOf(models.createMessage(request))).fault).toMatchObject({ kind: "unknown", began: true });
    expect(await reached()).toEqual([1, 0]);
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(first.url));
  });

  test.each(["drop_before", "drop_after"])(
    "that is sent and gets nothing back (%s) is of unknown outcome too: its repetition goes to the next",
    async (kind) => {
      await fails(first, { kind, times: 1 });
      const models = both();
      expect((await failureOf(models.createMessage(request))).fault).toMatchObject({ kind: "unknown", began: false });
      expect((await mindCalls(second, model)).length).toBe(0);
      expect((await models.createMessage(request)).endpoint).toBe(hostOf(second.url));
    },
  );

  test("that takes too long to begin as well", async () => {
    await fails(first, { kind: "delay", delay_ms: 5_000, times: 1 });
    const models = both();
    const { fault } = await failureOf(models.createMessage(request, { startWithinMs: 50 }));
    expect(fault).toMatchObject({ kind: "unknown", began: false });
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(second.url));
  });

  test("that is abandoned says nothing of the endpoint", async () => {
    const models = both();
    const { fault } = await failureOf(models.createMessage(request, { signal: AbortSignal.abort() }));
    expect(fault).toEqual({ kind: "aborted" });
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(first.url));
  });

  test("to a host that lets no connection through was never sent", async () => {
    const cause = Object.assign(new Error("Connect Timeout Error (attempted address: gone:443, timeout: 10000ms)"), {
      code: "UND_ERR_CONNECT_TIMEOUT",
    });
    const { fetch } = globalThis;
    vi.stubGlobal("fetch", (...args: Parameters<typeof globalThis.fetch>) =>
      typeof args[0] === "string" && args[0].startsWith(first.url)
        ? Promise.reject(new TypeError("fetch failed", { cause }))
        : fetch(...args),
    );
    const error: unknown = await createMessage(createModelClient({ baseUrl: first.url, apiKey: "k" }), request).catch(
      (caught: unknown) => caught,
    );
    expect(messageFault(error)).toMatchObject({ kind: "definite", retryable: true, code: "UND_ERR_CONNECT_TIMEOUT" });
    expect((await both().createMessage(request)).endpoint).toBe(hostOf(second.url));
  });
});

describe("a fallback", () => {
  test.each([401, 403, 404])("that answers %i is passed over, and left alone for minutes", async (status) => {
    const wrong = await serve(status, { type: "error", error: { type: "authentication_error", message: "Key sk-x" } });
    await fails(first, { kind: "529" });
    const models = endpointsAt(first.url, wrong.url, second.url);
    const { endpoint, passedOver } = await models.createMessage(request);
    expect(endpoint).toBe(hostOf(second.url));
    expect(passedOver[1]).toEqual({ endpoint: hostOf(wrong.url), why: `status ${status}` });
    time += 120_000;
    await models.createMessage(request);
    expect(wrong.heard).toHaveLength(1);
    time += 200_000;
    await models.createMessage(request);
    expect(wrong.heard).toHaveLength(2);
  });

  test("that takes exception to the request ends nothing: the first one is to judge, when it is back", async () => {
    await fails(first, { kind: "529", times: 1 });
    await says(second, { status: 400, text: "Unknown parameter" });
    const models = both();
    const { fault, passedOver } = await failureOf(models.createMessage(request));
    expect(fault).toMatchObject({ kind: "definite", retryable: true });
    expect(passedOver.map(({ why }) => why)).toEqual(["status 529", "status 400"]);
    time += 30_000;
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(first.url));
  });
});

describe("an endpoint that failed", () => {
  test("is left alone for 30 seconds, then tried by one call, and used again when it answers", async () => {
    await fails(first, { kind: "500" });
    const models = both();
    const asked = async () => (await models.createMessage(request)).endpoint;
    expect(await asked()).toBe(hostOf(second.url));
    time += 29_999;
    expect(await asked()).toBe(hostOf(second.url));
    expect(reports.filter(({ endpoint }) => endpoint === hostOf(first.url))).toHaveLength(1);
    time += 1;
    expect(await asked()).toBe(hostOf(second.url));
    expect(reports.filter(({ endpoint }) => endpoint === hostOf(first.url))).toHaveLength(2);
    await well(first);
    await says(first, { text: "back", delay_ms: 200 });
    time += 30_000;
    const one = models.createMessage(request);
    const meanwhile = models.createMessage(request);
    expect((await meanwhile).endpoint).toBe(hostOf(second.url));
    expect((await one).endpoint).toBe(hostOf(first.url));
    expect(await asked()).toBe(hostOf(first.url));
  });

  test("is asked all the same when it is the only one", async () => {
    await fails(first, { kind: "529", times: 1 });
    const models = endpointsAt(first.url);
    const { fault, endpoint } = await failureOf(models.createMessage(request));
    expect({ fault, endpoint }).toMatchObject({
      fault: { kind: "definite", retryable: true, status: 529, message: expect.stringContaining("Overloaded") },
      endpoint: hostOf(first.url),
    });
    expect((await models.createMessage(request)).endpoint).toBe(hostOf(first.url));
  });
});

describe("counting tokens", () => {
  const path = "count_tokens$";
  test("uses the same order, and goes on after anything that is no refusal: it is free", async () => {
    const expected = await both().countTokens(request);
    expect(expected).toBeGreaterThan(0);
    for (const kind of ["529", "drop_before", "drop_after"]) {
      await fails(first, { kind }, path);
      expect(await both().countTokens(request)).toBe(expected);
      await well(first);
    }
  });

  test("is refused by the first endpoint alone, and a fallback that cannot count may still answer", async () => {
    const refusing = await serve(400, { type: "error", error: { type: "invalid_request_error", message: "no" } });
    expect((await failureOf(endpointsAt(refusing.url, second.url).countTokens(request))).fault).toMatchObject({
      retryable: false,
      status: 400,
    });
    const cannot = await serve(404);
    await fails(first, { kind: "500" }, path);
    expect(await endpointsAt(first.url, cannot.url, second.url).countTokens(request)).toBeGreaterThan(0);
    const models = endpointsAt(first.url, cannot.url);
    expect((await failureOf(models.countTokens(request))).fault).toMatchObject({ retryable: true });
    await models.createMessage(request).catch(() => undefined);
    expect(cannot.heard).toHaveLength(3);
  });
});
