import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../../config.ts";
import { openBrowser } from "../../support/browser.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../../support/own-api.ts";

const limit = 3;
const proxied = { POWERLOOM_RATE_LIMIT: String(limit), POWERLOOM_TRUSTED_PROXIES: "127.0.0.1" };
let organisation: TestOrganisation;
/** Believes a proxy on this machine, so that each test can come from an address of its own. */
let api: OwnApi;

beforeAll(async () => {
  [organisation, api] = await Promise.all([
    makeOrganisation("limits"),
    startOwnApi({ ...proxied, POWERLOOM_MODE: "dev" }),
  ]);
});
afterAll(() => api.close());

/** A browser behind the proxy, at an address. */
function browserAt(address: string, url = api.url) {
  const browser = openBrowser(url);
  return (method: string, path: string, body?: unknown) =>
    browser.send(method, path, { headers: { "x-forwarded-for": address }, ...(body === undefined ? {} : { body }) });
}

async function times<T>(count: number, body: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < count; i++) all.push(await body());
  return all;
}

test("one address may ask how to sign in, and sign in, so often a minute; then it is told when to come again", async () => {
  const send = browserAt("198.51.100.1");
  expect((await send("GET", "/sign-in/options")).status).toBe(200);
  expect((await send("POST", "/sign-in/dev", { email: organisation.admin.email })).status).toBe(204);
  expect((await send("POST", "/dev/login", { email: organisation.admin.email })).status).toBe(200);
  for (const [method, path] of [
    ["GET", "/sign-in/options"],
    ["POST", "/sign-in/dev"],
    ["POST", "/dev/login"],
  ] as const) {
    const answer = await send(method, path, method === "GET" ? undefined : { email: organisation.admin.email });
    expect(answer).toMatchObject({ status: 429, body: { code: "too_many_requests", retryable: true } });
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    const wait = Number(answer.headers.get("retry-after"));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
});

test("somebody at another address is not held up by it", async () => {
  const send = browserAt("198.51.100.2");
  expect((await times(limit + 1, () => send("GET", "/sign-in/options"))).at(-1)?.status).toBe(429);
  expect((await browserAt("198.51.100.3")("GET", "/sign-in/options")).status).toBe(200);
});

test.each(["/sign-in/oidc?organisation=nobody", "/sign-in/callback?state=x&code=y"])(
  "%s leads a browser that comes too often back to where one signs in, with the reason",
  async (path) => {
    const send = browserAt(`198.51.100.${path.length + 100}`);
    const answers = await times(limit + 1, () => send("GET", path));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: limit + 1 }, () => 302));
    const reasons = answers.map(({ headers }) => headers.get("location"));
    expect(reasons.slice(0, limit)).not.toContain("/sign-in?error=too_many_requests");
    expect(reasons.at(-1)).toBe("/sign-in?error=too_many_requests");
  },
);

test("who is signed in is counted by themselves, not by their address", async () => {
  const browser = openBrowser(api.url);
  const headers = { "x-forwarded-for": "198.51.100.4" };
  const body = { email: organisation.admin.email };
  expect((await browser.send("POST", "/sign-in/dev", { headers, body })).status).toBe(204);
  await times(limit, () => browser.send("GET", "/sign-in/options", { headers }));
  expect((await browser.send("GET", "/sign-in/options", { headers })).status).toBe(429);
  expect((await browser.send("GET", "/me", { headers })).status).toBe(200);
});

const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";

async function askForToken(address: string, form: Record<string, string>, secret?: string): Promise<Response> {
  const basic = Buffer.from(`powerloom_meta:${secret}`).toString("base64");
  return fetch(`${api.url}/oauth/token`, {
    method: "POST",
    headers: { "x-forwarded-for": address, ...(secret === undefined ? {} : { authorization: `Basic ${basic}` }) },
    body: new URLSearchParams({ grant_type: exchange, scope: "agent.create", ...form }),
  });
}

const ofPerson = (token: string) => ({
  subject_token: token,
  subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  actor_client: "editor",
});

test("tokens that are refused are so many a minute and address; good ones are not counted", async () => {
  const address = "198.51.100.5";
  const login = await browserAt("198.51.100.6")("POST", "/dev/login", { email: organisation.admin.email });
  const good = ofPerson(String(login.body["access_token"]));
  const granted = await times(limit + 2, () => askForToken(address, good));
  expect(granted.map(({ status }) => status)).toEqual(granted.map(() => 200));
  const refused = await times(limit + 1, () => askForToken(address, ofPerson("made.up.token")));
  expect(refused.map(({ status }) => status)).toEqual([...Array.from({ length: limit }, () => 400), 429]);
  expect(refused.at(-1)?.headers.get("retry-after")).toMatch(/^\d+$/);
  expect((await askForToken(address, good)).status).toBe(429);
});

test("our own MCP servers, which prove who they are, are not held up by what others are refused, nor by their own", async () => {
  const address = "198.51.100.7";
  const bearer = {
    subject_token: `pls_${"x".repeat(43)}`,
    subject_token_type: "urn:powerloom:token-type:session-bearer",
  };
  const forged = await times(limit + 1, () => askForToken(address, bearer, "not-the-secret-of-anybody"));
  expect(forged.map(({ status }) => status)).toEqual([...Array.from({ length: limit }, () => 401), 429]);
  const own = await times(limit + 1, () => askForToken(address, bearer, sharedStack().mcpClientSecret));
  expect(own.map(({ status }) => status)).toEqual(own.map(() => 400));
});

test("what somebody says of their address counts for nothing unless they are a trusted proxy", async () => {
  const own = await startOwnApi({ POWERLOOM_MODE: "dev", POWERLOOM_RATE_LIMIT: String(limit) });
  try {
    let last = 0;
    const answers = await times(limit + 1, () => browserAt(`198.51.100.${++last}`, own.url)("GET", "/sign-in/options"));
    expect(answers.at(-1)?.status).toBe(429);
  } finally {
    await own.close();
  }
});

test.each(["*", "proxy.example.com", "10.0.0.0/40"])("%s is refused as a list of trusted proxies", (given) => {
  const { databaseUrl, sealingKey, mcpClientSecret } = sharedStack();
  const environment = {
    DATABASE_URL: databaseUrl,
    POWERLOOM_SEALING_KEY: sealingKey,
    POWERLOOM_MCP_CLIENT_SECRET: mcpClientSecret,
    ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
    POWERLOOM_TRUSTED_PROXIES: given,
  };
  expect(() => readConfig(environment)).toThrow(/POWERLOOM_TRUSTED_PROXIES/);
});
