import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Browser, openBrowser } from "../support/browser.ts";
import { query } from "../support/database.ts";
import { eventually, makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { armMind } from "../support/runs.ts";
import { invoke, makeAgent, sessionIn } from "../support/sessions.ts";

let acme: TestOrganisation;
let runId: string;
let sessionId: string;

beforeAll(async () => {
  acme = await makeOrganisation("console-streams");
  const models = await armMind(`console-streams-${acme.name}`, {
    orchestrator: { turns: [{ delay_ms: 50_000, output: { result: "late", status: "done" } }] },
  });
  ({ id: runId } = await acme.admin.make<{ id: string }>("/runs", { task: "Take your time.", models }));
  const agent = await makeAgent(acme.admin, { name: "listener", ou: acme.root });
  sessionId = await invoke(acme.admin, agent.id);
  await sessionIn(acme.admin, sessionId, "idle");
});

afterAll(async () => {
  await acme.admin.send("POST", `/runs/${runId}/cancel`, {});
});

/** A stream as it is read: `ended` when the API has closed it. */
async function follow(
  browser: Browser,
  path: string,
): Promise<{ text: () => string; ended: Promise<void>; close(): void }> {
  const abort = new AbortController();
  const answer = await browser.open(path, abort.signal);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  const ended = (async () => {
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) text += chunk;
  })();
  await eventually(async () => text.includes(": connected") || undefined, `${path} is open`);
  return { text: () => text, ended, close: () => abort.abort() };
}

/** The WebSocket of a session, opened with a ticket of this browser; `end` is its close code and reason. */
async function watch(browser: Browser): Promise<{ socket: WebSocket; end: Promise<[number, string]> }> {
  const ticket = await browser.send("POST", `/sessions/${sessionId}/ticket`);
  expect(ticket.status).toBe(201);
  const socket = new WebSocket(String(ticket.body["websocket_url"]));
  const end = new Promise<[number, string]>((resolve) =>
    socket.on("close", (code, reason) => resolve([code, reason.toString("utf8")])),
  );
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  return { socket, end };
}

async function signedIn(email = acme.admin.email): Promise<Browser> {
  const browser = openBrowser();
  expect((await browser.signIn(email)).status).toBe(204);
  return browser;
}

const endings: [string, (browser: Browser, email: string) => Promise<unknown>][] = [
  ["signing out", (browser) => browser.send("POST", "/sign-out")],
  [
    "the end of its twelve hours",
    (_browser, email) =>
      query(
        `update console_sessions set created_at = created_at - interval '13 hours', expires_at = clock_timestamp()
          where user_id = (select id from users where email = $1)`,
        [email],
      ),
  ],
  [
    "the person's suspension",
    (_browser, email) => query("update users set status = 'suspended' where email = $1", [email]),
  ],
];

describe("what a browser has open ends with its sign-in", () => {
  test.each(endings)("by %s: events, a run, a session", async (what, end) => {
    const somebody = await acme.person(`admin-${endings.findIndex(([name]) => name === what)}`, {
      roles: [{ role: "OrgAdmin", ou: acme.root }],
    });
    const browser = await signedIn(somebody.email);
    const [events, run, session] = await Promise.all([
      follow(browser, "/events"),
      follow(browser, `/runs/${runId}/stream`),
      watch(browser),
    ]);
    await acme.admin.make("/groups", { name: `heard-${Date.now()}`, ou: acme.root });
    await eventually(async () => events.text().includes("heard-") || undefined, "the browser hears of a change");
    await end(browser, somebody.email);
    await Promise.all([events.ended, run.ended]);
    const [code, reason] = await session.end;
    expect([code, reason]).toEqual([4401, "your sign-in has ended"]);
  });

  test("and nothing else does: another browser's, and a token's", async () => {
    const [one, other] = await Promise.all([signedIn(), signedIn()]);
    const ticketByToken = await acme.admin.make<{ websocket_url: string }>(`/sessions/${sessionId}/ticket`, {});
    const byToken = new WebSocket(ticketByToken.websocket_url);
    const [mine, theirs, socket] = await Promise.all([follow(one, "/events"), follow(other, "/events"), watch(other)]);
    await one.send("POST", "/sign-out");
    await mine.ended;
    const name = `after-${Date.now()}`;
    await acme.admin.make("/groups", { name, ou: acme.root });
    await eventually(async () => theirs.text().includes(name) || undefined, "the other browser goes on hearing");
    expect(mine.text()).not.toContain(name);
    for (const open of [socket.socket, byToken]) {
      expect(open.readyState).toBe(WebSocket.OPEN);
      open.close();
    }
    theirs.close();
    await theirs.ended.catch(() => undefined);
  });

  test("a ticket asked for before the end opens nothing after it", async () => {
    const browser = await signedIn();
    const ticket = await browser.send("POST", `/sessions/${sessionId}/ticket`);
    await browser.send("POST", "/sign-out");
    const socket = new WebSocket(String(ticket.body["websocket_url"]));
    const heard: unknown[] = [];
    socket.on("message", (data) => heard.push(data));
    const code = await new Promise<number>((resolve) => socket.on("close", resolve));
    expect(code).toBe(4401);
    expect(heard).toEqual([]);
  });

  test("without a sign-in none opens", async () => {
    for (const path of ["/events", `/runs/${runId}/stream`]) {
      const answer = await openBrowser().open(path, AbortSignal.timeout(10_000));
      expect(answer.status).toBe(401);
    }
  });
});
