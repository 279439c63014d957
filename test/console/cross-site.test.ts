import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { askForApproval, stateOf, withRole } from "../integration/governance/stage.ts";
import { type Browser, openBrowser } from "../support/browser.ts";
import { securityEvents } from "../support/database.ts";
import { everything } from "../support/everything.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../support/own-api.ts";

const own = new URL(sharedStack().apiUrl).origin;
const { port } = new URL(own);

let acme: TestOrganisation;
/** Signed in as the admin, who may do all of what follows. */
let browser: Browser;
let group = 0;
let production: OwnApi;

beforeAll(async () => {
  acme = await makeOrganisation("cross");
  const limited = await acme.ou(`${acme.root}/limited`);
  await acme.admin.make("/approval-policies", {
    name: "p",
    ou: limited,
    operations: ["group.create"],
    approver_role: "OrgAdmin",
  });
  browser = openBrowser();
  await browser.signIn(acme.admin.email);
  production = await startOwnApi({ POWERLOOM_API_URL: "https://powerloom.example" });
});
afterAll(() => production.close());

interface Request {
  path: string;
  body: Record<string, unknown>;
}

/** One of each kind: a governed mutation, an action that needs no body, a vote. Each would be carried out if it were let through. */
const kinds: Record<string, () => Promise<Request>> = {
  async mutation() {
    group += 1;
    return { path: "/groups", body: { name: `made-${group}`, ou: acme.root } };
  },
  async action() {
    const { id } = await pending(acme.admin);
    return { path: `/requests/${id}/cancel`, body: {} };
  },
  async vote() {
    asker ??= await withRole(acme, "OrgAdmin", "asker");
    const { id, digest } = await pending(asker);
    return { path: `/approvals/${id}/votes`, body: { decision: "approve", digest } };
  },
};
let asker: Awaited<ReturnType<typeof withRole>> | undefined;

function pending(person: { token: string }): Promise<{ id: string; digest: string }> {
  group += 1;
  return askForApproval(person, "/groups", { name: `asked-${group}`, ou: `${acme.root}/limited` });
}

type Headers = Record<string, string | null>;
const refusals: [string, Headers][] = [
  ["no origin", { origin: null }],
  ["a foreign origin", { origin: "https://evil.example" }],
  ["the null origin", { origin: "null" }],
  ["an origin that begins with ours", { origin: `${own}.evil.example` }],
  ["an origin with somebody else's port", { origin: "http://127.0.0.1:1" }],
  ["our origin over another protocol", { origin: own.replace("http:", "https:") }],
  ["a name that leads here (DNS rebinding)", { origin: `http://evil.example:${port}` }],
  ["our origin with a path", { origin: `${own}/` }],
  ["no header of the console", { "powerloom-console": null }],
  ["another value in it", { "powerloom-console": "0" }],
  ["the browser's word that it is cross-site", { "sec-fetch-site": "cross-site" }],
  [
    "a form's body, as a form sends it",
    { "content-type": "application/x-www-form-urlencoded", "powerloom-console": null },
  ],
  [
    "a form's body from elsewhere",
    { "content-type": "text/plain", "powerloom-console": null, origin: "https://evil.example" },
  ],
];

// All kinds are guarded in one place: one of them is tried in every run, all in the long one.
describe.each(everything ? Object.keys(kinds) : Object.keys(kinds).slice(0, 1))("a %s by cookie", (kind) => {
  let request: Request;
  let before: string;
  beforeEach(async () => {
    request = (await kinds[kind]?.()) as Request;
    before = await stateOf(acme.organisationId);
  });

  test("is carried out from our own page", async () => {
    const answer = await browser.send("POST", request.path, { body: request.body });
    expect(answer.status).toBeGreaterThanOrEqual(200);
    expect(answer.status).toBeLessThan(300);
    expect(await stateOf(acme.organisationId)).not.toBe(before);
  });

  test.each(refusals)("with %s is refused, changes nothing, and is told of", async (_what, headers) => {
    const events = (await securityEvents("cross_site_request")).length;
    const answer = await browser.send("POST", request.path, { body: request.body, headers });
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden", rule: "own-origin" } });
    expect(await stateOf(acme.organisationId)).toBe(before);
    expect(await securityEvents("cross_site_request")).toHaveLength(events + 1);
    // The sign-in itself is none the worse.
    expect((await browser.send("GET", "/me")).status).toBe(200);
  });

  test.each(["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""])(
    "with a body of type `%s` is refused even from our own page",
    async (type) => {
      const answer = await browser.send("POST", request.path, {
        body: JSON.stringify(request.body),
        headers: { "content-type": type },
      });
      expect(answer).toMatchObject({ status: 415, body: { code: "unsupported_media_type" } });
      expect(await stateOf(acme.organisationId)).toBe(before);
    },
  );
});

describe("reading by cookie", () => {
  test("needs neither origin nor header, and is refused to other sites", async () => {
    expect((await browser.send("GET", "/agents")).status).toBe(200);
    expect((await browser.send("GET", "/agents", { headers: { "sec-fetch-site": "same-origin" } })).status).toBe(200);
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }, { origin: "null" }])
      expect((await browser.send("GET", "/agents", { headers })).status).toBe(403);
  });

  test("no answer lets other origins read it", async () => {
    const answer = await browser.send("GET", "/agents", { headers: { origin: own } });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    const preflight = await browser.send("OPTIONS", "/groups", {
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
    expect(preflight.headers.get("access-control-allow-headers")).toBeNull();
  });
});

describe("which origins are ours", () => {
  const names = ["localhost", "127.0.0.1", "[::1]"];

  test.each(names)("in dev mode a page under %s is", async (name) => {
    const answer = await browser.send("POST", "/groups", {
      body: { name: `by-${name.replaceAll(/[^a-z0-9]/g, "")}`, ou: acme.root },
      headers: { origin: `http://${name}:${port}` },
    });
    expect(answer.status).toBe(201);
  });

  test("in production only the API's own", async () => {
    const ask = (origin: string) =>
      openBrowser(production.url).send("POST", "/groups", {
        body: {},
        headers: { origin, cookie: "__Host-powerloom_session=plb_x" },
      });
    // Past the origin: the cookie is looked at, and is nobody's.
    expect((await ask("https://powerloom.example")).status).toBe(401);
    for (const name of [...names, "powerloom.example"])
      expect((await ask(`http://${name}:${new URL(production.url).port}`)).status, name).toBe(403);
    expect((await ask("https://powerloom.example:8443")).status).toBe(403);
  });
});

describe("signing in from elsewhere", () => {
  test.each(refusals.slice(0, 12).filter(([, headers]) => !("content-type" in headers)))(
    "with %s signs no browser in",
    async (_what, headers) => {
      const stranger = openBrowser();
      const answer = await stranger.send("POST", "/sign-in/dev", { body: { email: acme.admin.email }, headers });
      expect(answer.status).toBe(403);
      expect(answer.headers.getSetCookie()).toEqual([]);
    },
  );

  test("a form cannot, whatever its origin", async () => {
    const stranger = openBrowser();
    const answer = await stranger.send("POST", "/sign-in/dev", {
      body: `email=${encodeURIComponent(acme.admin.email)}`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(answer.status).toBe(422);
    expect(stranger.cookies.size).toBe(0);
  });

  test("pages of other origins get no token of dev login; programs do", async () => {
    const login = (headers: Headers) =>
      openBrowser().send("POST", "/dev/login", {
        body: { email: acme.admin.email },
        headers: { "powerloom-console": null, ...headers },
      });
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `http://evil.example:${port}` },
      { origin: null, "sec-fetch-site": "cross-site" },
    ]) {
      const answer = await login(headers);
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain("access_token");
    }
    expect((await login({ origin: null })).status).toBe(200);
  });

  test("nobody is signed out from elsewhere", async () => {
    for (const [, headers] of refusals)
      expect((await browser.send("POST", "/sign-out", { headers: { ...headers, "content-type": null } })).status).toBe(
        403,
      );
    expect((await browser.send("GET", "/me")).status).toBe(200);
  });
});

test("a token needs none of this: other clients send neither origin nor header", async () => {
  const answer = await openBrowser().send("POST", "/groups", {
    body: { name: "by-token", ou: acme.root },
    headers: {
      authorization: `Bearer ${acme.admin.token}`,
      origin: null,
      "powerloom-console": null,
      "sec-fetch-site": "cross-site",
    },
  });
  expect(answer.status).toBe(201);
});
