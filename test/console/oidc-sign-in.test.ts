import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { v7 } from "uuid";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { signInErrors } from "../../contracts/console.ts";
import { createOrganisation } from "../../db/create-organisation.ts";
import { type Person, signIn } from "../../demo/api.ts";
import { type Browser, openBrowser } from "../support/browser.ts";
import { query, securityEvents } from "../support/database.ts";
import {
  type Account,
  audience,
  clientSecret,
  type IdentityProvider,
  publicClient,
  startIdentityProvider,
} from "../support/identity-provider.ts";
import { sharedStack } from "../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../support/own-api.ts";

const sessionCookie = "powerloom_session";
const pendingCookie = "powerloom_sign_in";

interface Organisation {
  id: string;
  name: string;
  admin: Person;
}

let api: OwnApi;
let idp: IdentityProvider;
/** Confidential client. */
let acme: Organisation;

beforeAll(async () => {
  api = await startOwnApi();
  idp = await startIdentityProvider([`${api.url}/sign-in/callback`]);
  acme = await organisation({ issuer: idp.issuer, audience, sealedClientSecret: api.deps.seal(clientSecret) });
});
afterAll(async () => {
  await Promise.all([api.close(), idp.close()]);
});

async function organisation(identityProvider: {
  issuer: string;
  audience: string;
  sealedClientSecret?: string;
}): Promise<Organisation> {
  const name = `oidc-${v7().slice(-10)}`;
  const { organisationId } = await createOrganisation(api.deps.db, () => v7(), {
    name,
    displayName: name,
    adminEmail: `admin@${name}.test`,
    adminName: "Ada Admin",
    identityProvider,
  });
  return { id: organisationId, name, admin: await signIn(sharedStack().apiUrl, `admin@${name}.test`) };
}

const accountOf = (email: string, verified = true): Account => ({ sub: `at-idp:${email}`, email, verified });

/** A new person of an organisation, and their account at the provider. */
async function person(at: Organisation, local: string): Promise<Account> {
  const email = `${local}-${v7().slice(-10)}@${at.name}.test`;
  await at.admin.make("/users", { email, display_name: local, home_ou: `/${at.name}` });
  return accountOf(email);
}

/** Begins a sign-in; returns where the provider is. */
async function begin(browser: Browser, name: string, returnTo?: string): Promise<URL> {
  const parameters = new URLSearchParams({
    organisation: name,
    ...(returnTo === undefined ? {} : { return_to: returnTo }),
  });
  const answer = await browser.send("GET", `/sign-in/oidc?${parameters.toString()}`);
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get("location") ?? "", api.url);
}

/** The way back: `location`, and what it did to the cookies. */
async function comeBack(browser: Browser, url: string): Promise<string> {
  const { pathname, search } = new URL(url);
  expect(pathname).toBe("/sign-in/callback");
  // Led here by another site's page: a strict cookie would not come along.
  const strict = browser.cookies.get(sessionCookie);
  browser.cookies.delete(sessionCookie);
  const answer = await browser.send("GET", pathname + search, { headers: { "sec-fetch-site": "cross-site" } });
  if (strict !== undefined && !browser.cookies.has(sessionCookie)) browser.cookies.set(sessionCookie, strict);
  expect(answer.status).toBe(302);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.text).toBe("");
  return answer.headers.get("location") ?? "";
}

async function wholeWay(account: Account | "says no", name = acme.name, returnTo?: string) {
  const browser = openBrowser(api.url);
  const there = await begin(browser, name, returnTo);
  const location = await comeBack(browser, await idp.authorise(there.href, account));
  return { browser, location };
}

/** Nobody is signed in, the browser knows why in one word, and whoever runs this in a sentence. */
async function expectRefused(browser: Browser, location: string, code: string, reason: RegExp): Promise<void> {
  expect(location).toBe(`/sign-in?error=${code}`);
  expect(signInErrors).toContain(code);
  expect(browser.cookies.has(sessionCookie)).toBe(false);
  expect((await browser.send("GET", "/me")).status).toBe(401);
  const event = (await securityEvents("sign_in_refused")).at(-1);
  expect(event).toMatchObject({ code, reason: expect.stringMatching(reason) });
}

describe("signing in at the organisation's identity provider", () => {
  test("leads there with state, nonce and PKCE, and keeps the rest in a sealed cookie of ten minutes", async () => {
    const browser = openBrowser(api.url);
    const answer = await browser.send("GET", `/sign-in/oidc?organisation=${acme.name}`);
    const there = new URL(answer.headers.get("location") ?? "");
    expect(there.origin).toBe(idp.issuer);
    const parameters = Object.fromEntries(there.searchParams);
    expect(parameters).toMatchObject({
      client_id: audience,
      response_type: "code",
      redirect_uri: `${api.url}/sign-in/callback`,
      scope: "openid email",
      code_challenge_method: "S256",
    });
    for (const name of ["state", "nonce", "code_challenge"]) expect(parameters[name]).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const [line = ""] = answer.headers.getSetCookie();
    expect(line).toMatch(/^powerloom_sign_in=/);
    for (const attribute of ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"])
      expect(line.split("; ")).toContain(attribute);
    const kept = Buffer.from(browser.cookies.get(pendingCookie) ?? "", "base64url").toString("latin1");
    for (const secret of [parameters["state"], parameters["nonce"], acme.name])
      expect(kept.includes(secret ?? "")).toBe(false);
    // Nothing stored: nobody has signed in.
    expect(await query("select from console_sessions where organisation_id = $1", [acme.id])).toEqual([]);
  });

  test("signs in at the first time by verified address, links, and goes where the browser came from", async () => {
    const ada = accountOf(acme.admin.email);
    const { browser, location } = await wholeWay(ada, acme.name, "/approvals?status=pending#first");
    expect(location).toBe("/approvals?status=pending#first");
    expect(await browser.send("GET", "/me")).toMatchObject({
      status: 200,
      body: { email: acme.admin.email, organisation_id: acme.id, actor: null },
    });
    expect(browser.cookies.has(pendingCookie)).toBe(false);
    expect(browser.cookies.get(sessionCookie)).toMatch(/^plb_/);
    const [user] = await query<{ external_issuer: string; external_subject: string }>(
      "select external_issuer, external_subject from users where email = $1",
      [acme.admin.email],
    );
    expect(user).toEqual({ external_issuer: idp.issuer, external_subject: ada.sub });
    const entries = await query<{ operation: string; detail: Record<string, unknown> }>(
      `select entry->>'operation' as operation, entry->'detail' as detail from control_plane_audit
        where organisation_id = $1 and entry->>'operation' = any ($2) order by position`,
      [acme.id, ["user.link", "console.sign_in"]],
    );
    expect(entries.map(({ operation }) => operation)).toEqual(["user.link", "console.sign_in"]);
    expect(entries[1]?.detail).toEqual({ method: "oidc" });
  });

  test("leaves nothing in the log that one could sign in with", async () => {
    const browser = openBrowser(api.url);
    const there = await begin(browser, acme.name);
    const pending = browser.cookies.get(pendingCookie) ?? "";
    const back = new URL(await idp.authorise(there.href, accountOf(acme.admin.email)));
    await comeBack(browser, back.href);
    await browser.send("GET", "/me");
    const said = api.lines.join("");
    expect(said).toContain("/sign-in/callback");
    const { state, code } = Object.fromEntries(back.searchParams);
    for (const secret of [pending, state, code, browser.cookies.get(sessionCookie)]) {
      expect(secret).toMatch(/./);
      expect(said).not.toContain(secret);
    }
  });

  test("a public client proves itself by PKCE alone", async () => {
    const open = await organisation({ issuer: idp.issuer, audience: publicClient });
    const { browser, location } = await wholeWay(accountOf(open.admin.email), open.name);
    expect(location).toBe("/");
    expect((await browser.send("GET", "/me")).body).toMatchObject({ organisation_id: open.id });
  });

  test("a confidential client with another secret is refused", async () => {
    const wrong = await organisation({ issuer: idp.issuer, audience, sealedClientSecret: api.deps.seal("wrong") });
    const { browser, location } = await wholeWay(accountOf(wrong.admin.email), wrong.name);
    await expectRefused(browser, location, "provider_refused", /token endpoint answered 401/);
  });
});

describe("refused", () => {
  let bob: Account;
  let browser: Browser;
  beforeEach(async () => {
    bob = await person(acme, "bob");
    browser = openBrowser(api.url);
  });

  test("the control: with nothing wrong, Bob is signed in", async () => {
    const back = await idp.authorise((await begin(browser, acme.name)).href, bob);
    expect(await comeBack(browser, back)).toBe("/");
    expect((await browser.send("GET", "/me")).body).toMatchObject({ email: bob.email });
  });

  test("an organisation nobody knows, or without a provider", async () => {
    for (const name of ["no-such-organisation", "", "a'b", "x".repeat(500)]) {
      const { pathname, search } = await begin(browser, name);
      await expectRefused(browser, pathname + search, "unknown_organisation", /no organisation of that name/);
    }
    const answer = await browser.send("GET", "/sign-in/oidc");
    expect(answer.headers.get("location")).toBe("/sign-in?error=unknown_organisation");
    expect(browser.cookies.size).toBe(0);
  });

  test("a person who says no at the provider", async () => {
    const back = await idp.authorise((await begin(browser, acme.name)).href, "says no");
    await expectRefused(browser, await comeBack(browser, back), "access_denied", /answered access_denied/);
  });

  test("another error of the provider, without repeating what it says", async () => {
    const there = await begin(browser, acme.name);
    const state = there.searchParams.get("state") ?? "";
    const back = `${api.url}/sign-in/callback?error=<script>&error_description=evil&state=${state}&iss=${encodeURIComponent(idp.issuer)}`;
    await expectRefused(browser, await comeBack(browser, back), "provider_refused", /another error/);
    expect(JSON.stringify(await securityEvents("sign_in_refused"))).not.toMatch(/script|evil/);
  });

  test.each<[string, (back: URL) => void, string, RegExp]>([
    ["another state", (back) => back.searchParams.set("state", "x".repeat(43)), "begin_again", /the state/],
    ["no state", (back) => back.searchParams.delete("state"), "begin_again", /the state/],
    [
      "two states",
      (back) => back.searchParams.append("state", back.searchParams.get("state") ?? ""),
      "begin_again",
      /the state/,
    ],
    ["another code", (back) => back.searchParams.set("code", "x".repeat(43)), "begin_again", /invalid_grant/],
    ["no code", (back) => back.searchParams.delete("code"), "provider_refused", /./],
    [
      "another issuer's name",
      (back) => back.searchParams.set("iss", "https://evil.example"),
      "provider_refused",
      /iss/,
    ],
    ["no issuer's name", (back) => back.searchParams.delete("iss"), "provider_refused", /iss/],
  ])("a way back with %s", async (_what, change, code, reason) => {
    const back = new URL(await idp.authorise((await begin(browser, acme.name)).href, bob));
    change(back);
    await expectRefused(browser, await comeBack(browser, back.href), code, reason);
    expect(browser.cookies.has(pendingCookie)).toBe(false);
  });

  test("a way back without the cookie: begun in another browser (login CSRF)", async () => {
    const back = await idp.authorise((await begin(openBrowser(api.url), acme.name)).href, bob);
    await expectRefused(browser, await comeBack(browser, back), "begin_again", /no sign-in is under way/);
    // Nor with a sign-in of its own under way.
    await begin(browser, acme.name);
    const again = await idp.authorise((await begin(openBrowser(api.url), acme.name)).href, bob);
    await expectRefused(browser, await comeBack(browser, again), "begin_again", /the state/);
  });

  test("a way back that was gone before: without the cookie, and with a copy of it", async () => {
    const there = await begin(browser, acme.name);
    const copy = browser.cookies.get(pendingCookie) ?? "";
    const back = await idp.authorise(there.href, bob);
    expect(await comeBack(browser, back)).toBe("/");
    const thief = openBrowser(api.url);
    await expectRefused(thief, await comeBack(thief, back), "begin_again", /no sign-in is under way/);
    thief.cookies.set(pendingCookie, copy);
    await expectRefused(thief, await comeBack(thief, back), "begin_again", /invalid_grant/);
  });

  test("a cookie that is made up, or of something else that is sealed with the same key", async () => {
    const back = await idp.authorise((await begin(browser, acme.name)).href, bob);
    for (const cookie of ["nonsense", api.deps.seal(clientSecret), api.deps.seal('{"kind":"other"}')]) {
      browser.cookies.set(pendingCookie, cookie);
      await expectRefused(browser, await comeBack(browser, back), "begin_again", /no sign-in is under way/);
    }
  });

  test("a way back after ten minutes", async () => {
    const back = await idp.authorise((await begin(browser, acme.name)).href, bob);
    try {
      api.shiftClock(601);
      expect(await comeBack(browser, back)).toBe("/sign-in?error=begin_again");
    } finally {
      api.shiftClock(0);
    }
  });

  test("an ID token for another nonce", async () => {
    const there = await begin(browser, acme.name);
    there.searchParams.set("nonce", "x".repeat(43));
    const back = await idp.authorise(there.href, bob);
    await expectRefused(browser, await comeBack(browser, back), "provider_refused", /nonce/);
  });

  test("a code that was asked for with another challenge", async () => {
    const there = await begin(browser, acme.name);
    there.searchParams.set("code_challenge", "x".repeat(43));
    const back = await idp.authorise(there.href, bob);
    await expectRefused(browser, await comeBack(browser, back), "begin_again", /invalid_grant/);
  });

  test("a code of another issuer (mix-up)", async () => {
    const other = await startIdentityProvider([`${api.url}/sign-in/callback`]);
    try {
      const there = await begin(browser, acme.name);
      const elsewhere = new URL(there.pathname + there.search, other.issuer);
      const back = await other.authorise(elsewhere.href, bob);
      expect(new URL(back).searchParams.get("iss")).toBe(other.issuer);
      await expectRefused(browser, await comeBack(browser, back), "provider_refused", /iss/);
    } finally {
      await other.close();
    }
  });

  test("somebody the organisation does not know, or whose address is not verified", async () => {
    const nobody = accountOf(`nobody@${acme.name}.test`);
    for (const account of [nobody, { ...bob, verified: false }]) {
      const { browser: theirs, location } = await wholeWay(account);
      await expectRefused(theirs, location, "unknown_person", /no user .* matches/);
    }
  });

  test("somebody suspended", async () => {
    await query("update users set status = 'suspended' where email = $1", [bob.email]);
    const { browser: theirs, location } = await wholeWay(bob);
    await expectRefused(theirs, location, "suspended", /is suspended/);
  });

  test("a provider that cannot be reached: at the start, and on the way back", async () => {
    const gone = await startIdentityProvider([`${api.url}/sign-in/callback`]);
    const theirs = await organisation({ issuer: gone.issuer, audience: publicClient });
    const back = await gone.authorise((await begin(browser, theirs.name)).href, accountOf(theirs.admin.email));
    await gone.close();
    await expectRefused(browser, await comeBack(browser, back), "provider_away", /cannot be reached/);
    const never = await organisation({ issuer: gone.issuer, audience });
    const { pathname, search } = await begin(browser, never.name);
    await expectRefused(browser, pathname + search, "provider_away", /cannot be reached/);
  });

  test("a provider that is broken", async () => {
    const broken = createServer((_request, response) => {
      response.statusCode = 500;
      response.end();
    });
    await new Promise<void>((resolve) => broken.listen(0, "127.0.0.1", resolve));
    const issuer = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
    const theirs = await organisation({ issuer, audience });
    const { pathname, search } = await begin(browser, theirs.name);
    await expectRefused(browser, pathname + search, "provider_away", /broken/);
    await new Promise((resolve) => broken.close(resolve));
  });
});

describe("organisations that trust the same issuer", () => {
  let globex: Organisation;
  beforeAll(async () => {
    globex = await organisation({ issuer: idp.issuer, audience, sealedClientSecret: api.deps.seal(clientSecret) });
  });

  test("a sign-in to one never ends in the other, nor links there", async () => {
    const bob = await person(acme, "bob");
    const { browser, location } = await wholeWay(bob, globex.name);
    await expectRefused(browser, location, "unknown_person", /no user .* matches/);
    const [user] = await query<{ external_subject: string | null }>(
      "select external_subject from users where email = $1",
      [bob.email],
    );
    expect(user?.external_subject).toBeNull();
    // Known here by now: still not there.
    expect((await wholeWay(bob)).location).toBe("/");
    const again = await wholeWay(bob, globex.name);
    await expectRefused(again.browser, again.location, "unknown_person", /no user .* matches/);
  });

  test("whoever adds somebody else's address gets neither their first sign-in nor a link", async () => {
    const bob = await person(acme, "bob");
    await globex.admin.make("/users", { email: bob.email, display_name: "Bob", home_ou: `/${globex.name}` });
    for (const name of [acme.name, globex.name]) {
      const { browser, location } = await wholeWay(bob, name);
      await expectRefused(browser, location, "unknown_person", /several organisations/);
    }
    const rows = await query("select from users where email = $1 and external_subject is not null", [bob.email]);
    expect(rows).toEqual([]);
  });
});

describe("where a sign-in leads to", () => {
  test.each<[string, string]>([
    ["/approvals", "/approvals"],
    ["/agents/123?tab=runs&x=%2F%2Fevil#top", "/agents/123?tab=runs&x=%2F%2Fevil#top"],
    ["/", "/"],
    ["", "/"],
    ["approvals", "/"],
    ["//evil.example", "/"],
    ["///evil.example", "/"],
    ["/\\evil.example", "/"],
    ["\\\\evil.example", "/"],
    ["/approvals\\..\\evil", "/"],
    ["https://evil.example/approvals", "/"],
    ["javascript:alert(1)", "/"],
    ["/\t/evil.example", "/"],
    ["/approvals\r\nSet-Cookie: a=b", "/"],
    [" /approvals", "/"],
    ["/\u0000", "/"],
    ["/ünsafe", "/"],
    [`/${"x".repeat(2_000)}`, "/"],
    ["/sign-in/oidc?organisation=evil", "/"],
    ["/x/../sign-in/oidc?organisation=evil", "/"],
    ["/audit/export", "/"],
    ["/docs/", "/"],
  ])("%j → %s", async (wanted, expected) => {
    const { location } = await wholeWay(accountOf(acme.admin.email), acme.name, wanted);
    expect(location).toBe(expected);
  });

  test("several of them lead to the start", async () => {
    const browser = openBrowser(api.url);
    const answer = await browser.send(
      "GET",
      `/sign-in/oidc?organisation=${acme.name}&return_to=/a&return_to=https://evil.example`,
    );
    const back = await idp.authorise(answer.headers.get("location") ?? "", accountOf(acme.admin.email));
    expect(await comeBack(browser, back)).toBe("/");
  });
});
