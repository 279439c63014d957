import { v7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signInOptions } from "../../contracts/console.ts";
import { hashToken } from "../../core/bearer.ts";
import { createOrganisation } from "../../db/create-organisation.ts";
import { type Browser, openBrowser } from "../support/browser.ts";
import { query, securityEvents } from "../support/database.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../support/own-api.ts";

const cookieName = "powerloom_session";
let acme: TestOrganisation;
/** In dev mode, with a clock to set. */
let dev: OwnApi;
let production: OwnApi;

beforeAll(async () => {
  [acme, dev, production] = await Promise.all([
    makeOrganisation("browser"),
    startOwnApi({ POWERLOOM_MODE: "dev" }),
    startOwnApi({ POWERLOOM_ENVIRONMENT: "staging" }),
  ]);
});
afterAll(async () => {
  await Promise.all([dev.close(), production.close()]);
});

async function signedIn(email = acme.admin.email, url = sharedStack().apiUrl): Promise<Browser> {
  const browser = openBrowser(url);
  expect((await browser.signIn(email)).status).toBe(204);
  return browser;
}

/** The sign-in's row, found by what the browser holds. */
async function rowOf(token: string | undefined): Promise<Record<string, unknown> | undefined> {
  const rows = await query<Record<string, unknown>>("select * from console_sessions where token_hash = $1", [
    hashToken(token ?? ""),
  ]);
  return rows[0];
}

async function auditOf(operation: string): Promise<Record<string, unknown>[]> {
  const rows = await query<{ entry: Record<string, unknown> }>(
    "select entry from control_plane_audit where organisation_id = $1 and entry->>'operation' = $2 order by position",
    [acme.organisationId, operation],
  );
  return rows.map((row) => row.entry);
}

describe("signing a browser in, in dev mode", () => {
  test("gives a cookie that scripts and other sites never get, and nothing in the body", async () => {
    const browser = openBrowser();
    const answer = await browser.signIn(acme.admin.email);
    expect(answer.status).toBe(204);
    expect(answer.text).toBe("");
    const [line = "", ...more] = answer.headers.getSetCookie();
    expect(more).toEqual([]);
    expect(line).toMatch(new RegExp(`^${cookieName}=plb_[A-Za-z0-9_-]{43};`));
    const attributes = line.split("; ").slice(1).toSorted();
    expect(attributes.filter((attribute) => !attribute.startsWith("Expires="))).toEqual([
      "HttpOnly",
      "Max-Age=43200",
      "Path=/",
      "SameSite=Strict",
    ]);
    expect(await browser.send("GET", "/me")).toMatchObject({ status: 200, body: { email: acme.admin.email } });
  });

  test("over https the cookie is Secure and bound to the host", async () => {
    const api = await startOwnApi({ POWERLOOM_MODE: "dev", POWERLOOM_API_URL: "https://powerloom.example" });
    try {
      const browser = openBrowser(api.url);
      const answer = await browser.send("POST", "/sign-in/dev", {
        body: { email: acme.admin.email },
        headers: { origin: "https://powerloom.example" },
      });
      expect(answer.status).toBe(204);
      const line = answer.headers.getSetCookie().join();
      expect(line).toMatch(/^__Host-powerloom_session=plb_/);
      expect(line).toMatch(/; Secure/);
      expect(line).toMatch(/; Path=\//);
      expect(line).not.toMatch(/; Domain=/i);
      expect((await browser.send("GET", "/me")).status).toBe(200);
      // The name without the prefix, which a plain page or a subdomain could set, is nothing here.
      const token = browser.cookies.get("__Host-powerloom_session");
      const other = openBrowser(api.url);
      other.cookies.set(cookieName, token ?? "");
      expect((await other.send("GET", "/me")).status).toBe(401);
    } finally {
      await api.close();
    }
  });

  test("is stored as a hash alone, and audited with its method", async () => {
    const before = (await auditOf("console.sign_in")).length;
    const browser = await signedIn();
    const token = browser.cookies.get(cookieName) ?? "";
    const row = await rowOf(token);
    expect(row).toMatchObject({ method: "dev", ended_at: null, organisation_id: acme.organisationId });
    expect(JSON.stringify(row)).not.toContain(token.slice(4));
    const entries = await auditOf("console.sign_in");
    expect(entries).toHaveLength(before + 1);
    expect(entries.at(-1)).toMatchObject({ outcome: "applied", detail: { method: "dev" } });
    expect(JSON.stringify(entries)).not.toContain(token.slice(4));
  });

  test("never keeps a token the browser brought along, and ends the sign-in it was for", async () => {
    const browser = await signedIn();
    const first = browser.cookies.get(cookieName);
    await browser.signIn(acme.admin.email);
    expect(browser.cookies.get(cookieName)).not.toBe(first);
    expect(await rowOf(first)).toMatchObject({ end_reason: "replaced" });
    browser.cookies.set(cookieName, "plb_chosen-by-somebody-else");
    await browser.signIn(acme.admin.email);
    expect(browser.cookies.get(cookieName)).toMatch(/^plb_[A-Za-z0-9_-]{43}$/);
  });

  test("somebody unknown is told so, and gets no cookie", async () => {
    const answer = await openBrowser().signIn("nobody@nowhere.test");
    expect(answer).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test("input that is not an address is refused with what is wrong", async () => {
    const browser = openBrowser();
    for (const body of [{}, { email: 7 }, { email: "x" }, { email: acme.admin.email, more: 1 }, []])
      expect((await browser.send("POST", "/sign-in/dev", { body })).status).toBe(422);
    expect(browser.cookies.size).toBe(0);
  });

  test("does not exist in production mode, and what was given in dev mode does not outlive it", async () => {
    expect(await openBrowser(production.url).signIn(acme.admin.email)).toMatchObject({
      status: 404,
      body: { code: "not_found" },
    });
    const browser = await signedIn();
    const moved = openBrowser(production.url);
    moved.cookies.set(cookieName, browser.cookies.get(cookieName) ?? "");
    const answer = await moved.send("GET", "/me");
    expect(answer.status).toBe(401);
    expect(moved.cookies.size).toBe(0);
  });
});

describe("whom the cookie speaks for", () => {
  test("for its person, in their organisation alone", async () => {
    const other = await makeOrganisation("browser");
    const hidden = await other.ou(`${other.root}/hidden`);
    const browser = await signedIn();
    const answer = await browser.send("GET", "/ous");
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(acme.root);
    expect(answer.text).not.toContain(hidden);
  });

  test("for nobody when the page that asks was loaded for somebody else", async () => {
    const browser = await signedIn();
    const { principal_id: id } = (await browser.send("GET", "/me")).body;
    const ask = (person: string) =>
      browser.send("POST", "/groups", {
        body: { name: `meant-${v7().slice(-8)}`, ou: acme.root },
        headers: { "powerloom-person": person },
      });
    expect((await ask(String(id))).status).toBe(201);
    const before = await query("select id from groups where organisation_id = $1", [acme.organisationId]);
    for (const person of [v7(), "", "admin"])
      expect(await ask(person)).toMatchObject({ status: 409, body: { code: "conflict", rule: "same-person" } });
    expect(await query("select id from groups where organisation_id = $1", [acme.organisationId])).toHaveLength(
      before.length,
    );
  });

  test("what it is answered is kept by nobody on the way, nor by the browser without asking anew", async () => {
    const browser = await signedIn();
    const kept = async (method: string, path: string, body?: unknown) =>
      (await browser.send(method, path, body === undefined ? {} : { body })).headers.get("cache-control");
    expect(await kept("GET", "/me")).toBe("private, no-cache");
    expect(await kept("POST", "/groups", { name: `kept-${v7().slice(-8)}`, ou: acme.root })).toBe("no-store");
    expect(await kept("POST", "/groups?dryRun=true", { name: "x", ou: acme.root })).toBe("no-store");
    for (const path of ["/nothing-here", "/agents/none", "/agents?limit=-1", "/audit/verified"])
      expect(await kept("GET", path), path).toMatch(/^(no-store|private, no-cache)$/);
    browser.cookies.clear();
    expect(await kept("GET", "/me")).toBe("no-store");
  });

  test("for nobody when a token is sent along: a wrong token is not made good by the cookie", async () => {
    const browser = await signedIn();
    const bob = await acme.person("bob");
    expect(await browser.send("GET", "/me", { headers: { authorization: `Bearer ${bob.token}` } })).toMatchObject({
      status: 200,
      body: { email: bob.email },
    });
    for (const authorization of ["Bearer nonsense", "Basic YTpi", ""])
      expect((await browser.send("GET", "/me", { headers: { authorization } })).status).toBe(401);
    expect(browser.cookies.has(cookieName)).toBe(true);
  });

  test("the token in it is worth nothing as a bearer, nor at the token endpoint", async () => {
    const token = (await signedIn()).cookies.get(cookieName) ?? "";
    const stranger = openBrowser();
    expect((await stranger.send("GET", "/me", { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
    const exchange = await fetch(`${sharedStack().apiUrl}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        subject_token: token,
        scope: "agent.create",
        actor_client: "thief",
      }),
    });
    expect(exchange.status).toBe(400);
  });

  test("a cookie nobody was given is refused, cleared, and told of without what it said", async () => {
    const browser = openBrowser();
    browser.cookies.set(cookieName, `plb_${"x".repeat(43)}`);
    const before = (await securityEvents("invalid_sign_in")).length;
    const answer = await browser.send("GET", "/me");
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(answer.headers.getSetCookie().join()).toMatch(/^powerloom_session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect(browser.cookies.size).toBe(0);
    const events = await securityEvents("invalid_sign_in");
    expect(events).toHaveLength(before + 1);
    expect(JSON.stringify(events)).not.toContain("xxxxx");
  });
});

describe("the end of a sign-in", () => {
  test("signing out ends it for every copy of the cookie, and is audited once", async () => {
    const browser = await signedIn();
    const copy = openBrowser();
    copy.cookies.set(cookieName, browser.cookies.get(cookieName) ?? "");
    const token = browser.cookies.get(cookieName);
    const before = (await auditOf("console.sign_out")).length;
    const answer = await browser.send("POST", "/sign-out");
    expect(answer.status).toBe(204);
    expect(answer.text).toBe("");
    expect(browser.cookies.size).toBe(0);
    expect(await rowOf(token)).toMatchObject({ end_reason: "signed out" });
    expect((await copy.send("GET", "/me")).status).toBe(401);
    expect((await copy.send("POST", "/sign-out")).status).toBe(401);
    expect(await auditOf("console.sign_out")).toHaveLength(before + 1);
  });

  test("one browser's is not another's", async () => {
    const [one, two] = await Promise.all([signedIn(), signedIn()]);
    await one.send("POST", "/sign-out");
    expect((await two.send("GET", "/me")).status).toBe(200);
  });

  test("a token cannot be signed out", async () => {
    const answer = await openBrowser().send("POST", "/sign-out", {
      headers: { authorization: `Bearer ${acme.admin.token}` },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: "bad_request" } });
    expect((await openBrowser().send("POST", "/sign-out")).status).toBe(401);
  });

  test("it holds for two hours without use, and for twelve at most", async () => {
    const hour = 3600;
    try {
      const unused = await signedIn(undefined, dev.url);
      dev.shiftClock(2 * hour + 5);
      expect((await unused.send("GET", "/me")).status).toBe(401);
      expect(unused.cookies.size).toBe(0);

      dev.shiftClock(0);
      const used = await signedIn(undefined, dev.url);
      for (let hours = 1.5; hours < 12; hours += 1.5) {
        dev.shiftClock(hours * hour);
        expect((await used.send("GET", "/me")).status, `after ${hours} h`).toBe(200);
      }
      dev.shiftClock(12 * hour + 5);
      expect((await used.send("GET", "/me")).status).toBe(401);
    } finally {
      dev.shiftClock(0);
    }
  });

  test("it is forgotten a week after it could have been good at last, with its tickets; nobody else's is", async () => {
    const day = 86_400;
    const [org, other] = await Promise.all([makeOrganisation("old"), makeOrganisation("old")]);
    const browsers = await Promise.all(
      [org, org, other].map((organisation) => signedIn(organisation.admin.email, dev.url)),
    );
    const [unused, ended, foreign] = browsers.map((browser) => browser.cookies.get(cookieName)) as string[];
    await browsers[1]?.send("POST", "/sign-out");
    await query(
      `insert into stream_tickets (organisation_id, ticket_hash, session_id, principal_id, expires_at, console_session)
       values ($1, $2, gen_random_uuid(), gen_random_uuid(), now(), $3),
              ($1, $4, gen_random_uuid(), gen_random_uuid(), now(), null)`,
      [org.organisationId, `of-${unused}`, hashToken(unused ?? ""), `of-token-${unused}`],
    );
    const tickets = () =>
      query<{ ticket_hash: string }>("select ticket_hash from stream_tickets where organisation_id = $1", [
        org.organisationId,
      ]);
    try {
      dev.shiftClock(7.4 * day);
      const later = await signedIn(org.admin.email, dev.url);
      expect(await rowOf(unused)).toMatchObject({ ended_at: null });
      expect(await rowOf(ended)).toMatchObject({ end_reason: "signed out" });
      expect(await tickets()).toHaveLength(2);

      dev.shiftClock(7.6 * day);
      await signedIn(org.admin.email, dev.url);
      expect([await rowOf(unused), await rowOf(ended)]).toEqual([undefined, undefined]);
      expect(await tickets()).toEqual([{ ticket_hash: `of-token-${unused}` }]);
      expect(await rowOf(later.cookies.get(cookieName))).toMatchObject({ ended_at: null });
      // Another organisation's are its own.
      expect(await rowOf(foreign)).toMatchObject({ ended_at: null });
      // What was done is in the audit log for good.
      const entries = await query<{ operation: string }>(
        `select entry->>'operation' as operation from control_plane_audit
          where organisation_id = $1 and entry->>'operation' like 'console.%' order by position`,
        [org.organisationId],
      );
      expect(entries.map(({ operation }) => operation)).toEqual([
        "console.sign_in",
        "console.sign_in",
        "console.sign_out",
        "console.sign_in",
        "console.sign_in",
      ]);
      // The old cookie is one that nobody was given.
      browsers[0]?.cookies.set(cookieName, unused ?? "");
      expect((await browsers[0]?.send("GET", "/me"))?.status).toBe(401);
    } finally {
      dev.shiftClock(0);
    }
  });

  test("use is written down at most once a minute", async () => {
    try {
      const browser = await signedIn(undefined, dev.url);
      const seen = async () => (await rowOf(browser.cookies.get(cookieName)))?.["last_seen_at"] as Date;
      const first = await seen();
      dev.shiftClock(50);
      await browser.send("GET", "/me");
      expect(await seen()).toEqual(first);
      dev.shiftClock(70);
      await browser.send("GET", "/me");
      expect((await seen()).getTime()).toBeGreaterThan(first.getTime() + 60_000);
    } finally {
      dev.shiftClock(0);
    }
  });

  test("a suspended person's ends at their next request, and holds no more when they are back", async () => {
    const eve = await acme.person("eve");
    const browser = await signedIn(eve.email);
    const kept = browser.cookies.get(cookieName) ?? "";
    await query("update users set status = 'suspended' where id = $1", [eve.id]);
    const answer = await browser.send("GET", "/me");
    expect(answer).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(browser.cookies.size).toBe(0);
    const again = await browser.signIn(eve.email);
    expect(again.status).toBe(403);
    expect(again.headers.getSetCookie()).toEqual([]);
    await query("update users set status = 'active' where id = $1", [eve.id]);
    browser.cookies.set(cookieName, kept);
    expect((await browser.send("GET", "/me")).status).toBe(401);
  });
});

describe("what is told before anybody has signed in", () => {
  test("in dev mode: who is there, at most 50, as declared", async () => {
    const answer = await openBrowser().send("GET", "/sign-in/options");
    expect(answer.status).toBe(200);
    const options = signInOptions.strict().parse(answer.body);
    expect(options).toMatchObject({ mode: "dev", environment: "development" });
    expect(options.people.length).toBeGreaterThan(0);
    expect(options.people.length).toBeLessThanOrEqual(50);
    for (const person of options.people) expect(person.home_ou_path).toMatch(`/${person.organisation}`);
  });

  test("in production mode: nobody", async () => {
    const answer = await openBrowser(production.url).send("GET", "/sign-in/options");
    expect(answer.body).toMatchObject({ mode: "production", environment: "staging", people: [] });
  });

  test("where several organisations have an identity provider, none of them", async () => {
    for (const name of ["one", "two"])
      await createOrganisation(production.deps.db, () => v7(), {
        name: `${name}-${v7().slice(-10)}`,
        displayName: name,
        adminEmail: "admin@provider.test",
        adminName: "Ada Admin",
        identityProvider: { issuer: "https://login.example", audience: "powerloom" },
      });
    expect((await openBrowser(production.url).send("GET", "/sign-in/options")).body).toMatchObject({ oidc: [] });
  });
});
