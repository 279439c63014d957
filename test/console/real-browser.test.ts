import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as browsers, type Page } from "playwright-core";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createOrganisation } from "../../db/create-organisation.ts";
import { signIn } from "../../demo/api.ts";
import { securityEvents } from "../support/database.ts";
import { type IdentityProvider, publicClient, startIdentityProvider } from "../support/identity-provider.ts";
import { sharedStack } from "../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../support/own-api.ts";
import { invoke, makeAgent } from "../support/sessions.ts";

/** A page that does what the console does, and some things that it must not be able to. */
const page = `<!doctype html><html><head><title>app</title>
<style nonce="__CSP_NONCE__">#a { color: rgb(1, 2, 3) }</style><style>#b { color: rgb(1, 2, 3) }</style>
<script type="module" src="/console/assets/app.js"></script><script>window.inline = true;</script>
</head><body><p id="a">with nonce</p><p id="b">without</p></body></html>`;
const app = `
const opened = (source) => new Promise((resolve) => { source.onopen = () => resolve(true); source.onerror = () => resolve(false); });
const post = (path) => fetch(path, { method: "POST", headers: { "Powerloom-Console": "1" } });
window.look = async (sessionId) => {
  const ticket = await (await post("/sessions/" + sessionId + "/ticket")).json();
  return {
    me: (await (await fetch("/me")).json()).email,
    cookies: document.cookie,
    events: await opened(new EventSource("/events")),
    session: await opened(new WebSocket(ticket.websocket_url)),
    elsewhere: await opened(new WebSocket("ws://127.0.0.1:9/")),
    inline: window.inline === true,
    colours: ["a", "b"].map((id) => getComputedStyle(document.getElementById(id)).color),
  };
};
window.signOut = async () => [(await post("/sign-out")).status, (await fetch("/me")).status];
`;

let directory: string;
let api: OwnApi;
let idp: IdentityProvider;
let browser: Browser;
let organisation: string;
let sessionId: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "powerloom-page-"));
  await mkdir(join(directory, "assets"));
  await writeFile(join(directory, "index.html"), page);
  await writeFile(join(directory, "assets", "app.js"), app);
  api = await startOwnApi({ POWERLOOM_CONSOLE_DIR: directory });
  // Another site than the API's: what is strict does not come along on the way back.
  idp = await startIdentityProvider([`${api.url}/sign-in/callback`], "localhost");
  organisation = `chrome-${v7().slice(-10)}`;
  await createOrganisation(api.deps.db, () => v7(), {
    name: organisation,
    displayName: organisation,
    adminEmail: `admin@${organisation}.test`,
    adminName: "Ada Admin",
    identityProvider: { issuer: idp.issuer, audience: publicClient },
  });
  const admin = await signIn(sharedStack().apiUrl, `admin@${organisation}.test`);
  const agent = await makeAgent(admin, { name: "listener", ou: `/${organisation}` });
  sessionId = await invoke(admin, agent.id);
  // Not the package's own arguments: they turn off what is tested here (`--disable-web-security`).
  browser = await browsers.launch({ executablePath: await chromium.executablePath(), args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser.close();
  await Promise.all([api.close(), idp.close()]);
  await rm(directory, { recursive: true, force: true });
});

const inPage = <Result>(where: Page, expression: string) => where.evaluate<Result>(expression);

test("a real browser signs in at another site, and has everything of ours and nothing of others", async () => {
  const there = await fetch(`${api.url}/sign-in/oidc?organisation=${organisation}`, { redirect: "manual" });
  const account = { sub: "ada", email: `admin@${organisation}.test`, verified: true };
  await idp.authorise(there.headers.get("location") ?? "", account);

  const context = await browser.newContext();
  const tab = await context.newPage();
  await tab.goto(`${api.url}/sign-in/oidc?organisation=${organisation}&return_to=/approvals`);
  await tab.fill("input[name=login]", account.sub);
  await tab.fill("input[name=password]", "any");
  await tab.click("button[type=submit]");
  await tab.waitForURL(`${api.url}/approvals`);
  expect(await inPage(tab, `look("${sessionId}")`)).toEqual({
    me: account.email,
    cookies: "",
    events: true,
    session: true,
    elsewhere: false,
    inline: false,
    colours: ["rgb(1, 2, 3)", "rgb(0, 0, 0)"],
  });
  await tab.reload();
  expect(await inPage(tab, "fetch('/me').then((answer) => answer.status)")).toBe(200);
  expect(await inPage(tab, "signOut()")).toEqual([204, 401]);
  const ours = (await context.cookies(api.url)).filter(({ name }) => name.startsWith("powerloom"));
  expect(ours).toEqual([]);
});

test("another page on this machine reads nothing and changes nothing, though the browser sends the cookie along", async () => {
  const dev = await startOwnApi({ POWERLOOM_MODE: "dev", POWERLOOM_CONSOLE_DIR: directory });
  const target = `${dev.url}/sign-out`;
  // Under another port: the same site to the browser, so that even a strict cookie is sent.
  const evil = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<form method="post" action="${target}" enctype="text/plain"><button>go</button></form>`);
  });
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
  try {
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(`${dev.url}/sign-in`);
    const body = JSON.stringify(JSON.stringify({ email: `admin@${organisation}.test` }));
    const signedIn = `fetch("/sign-in/dev", { method: "POST", body: ${body},
      headers: { "Powerloom-Console": "1", "Content-Type": "application/json" } }).then((answer) => answer.status)`;
    expect(await inPage(tab, signedIn)).toBe(204);
    const before = (await securityEvents("cross_site_request")).length;

    const theirs = await context.newPage();
    await theirs.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
    const tries = `Promise.all([
      fetch("${dev.url}/me", { credentials: "include" }),
      fetch("${target}", { method: "POST", credentials: "include", headers: { "Powerloom-Console": "1" } }),
      fetch("${target}", { method: "POST", credentials: "include", mode: "no-cors" }),
    ].map((asked) => asked.then(() => "answered", () => "refused")))`;
    expect(await inPage(theirs, tries)).toEqual(["refused", "refused", "refused"]);
    const [answer] = await Promise.all([theirs.waitForResponse(target), theirs.click("button")]);
    expect(answer.status()).toBe(403);
    // Refused for where they come from: the cookie had come along with all but the one with a header.
    expect(await securityEvents("cross_site_request")).toHaveLength(before + 3);

    expect(await inPage(tab, "fetch('/me').then((answer) => answer.status)")).toBe(200);
    expect(await inPage(tab, "signOut()")).toEqual([204, 401]);
  } finally {
    await dev.close();
    evil.closeAllConnections();
    await new Promise((resolve) => evil.close(resolve));
  }
});
