import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeOrganisation, type TestOrganisation } from "../support/organisation.ts";
import { type OwnApi, startOwnApi } from "../support/own-api.ts";

/** What browsers say on the way to a page. */
const navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const page =
  '<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style><title>app</title>';
const script = `console.log(${JSON.stringify("powerloom ".repeat(200))});`;

let directory: string;
let built: OwnApi;
let bare: OwnApi;
let acme: TestOrganisation;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "powerloom-console-"));
  const assets = join(directory, "assets");
  await mkdir(join(assets, "folder"), { recursive: true });
  await writeFile(join(directory, "index.html"), page);
  await writeFile(join(directory, "secret.txt"), "outside of the assets");
  await writeFile(join(assets, "index-abc123.js"), script);
  await writeFile(join(assets, "index-abc123.js.br"), brotliCompressSync(script));
  await writeFile(join(assets, "index-abc123.js.gz"), gzipSync(script));
  await writeFile(join(assets, "index-abc123.css"), "body{}");
  await writeFile(join(assets, "inter-abc123.woff2"), "font");
  await writeFile(join(assets, ".hidden"), "hidden");
  await writeFile(join(assets, "folder", "inner.js"), "inner");
  [built, bare, acme] = await Promise.all([
    startOwnApi({ POWERLOOM_MODE: "dev", POWERLOOM_CONSOLE_DIR: directory }),
    startOwnApi(),
    makeOrganisation("serve"),
  ]);
});
afterAll(async () => {
  await Promise.all([built.close(), bare.close()]);
  await rm(directory, { recursive: true, force: true });
});

const get = (path: string, accept: string | null = navigation, more: Record<string, string> = {}, method = "GET") =>
  fetch(`${built.url}${path}`, {
    method,
    redirect: "manual",
    headers: { ...(accept === null ? {} : { accept }), ...more },
  });

const isShell = (answer: Response, text: string) =>
  answer.status === 200 &&
  (answer.headers.get("content-type") ?? "").startsWith("text/html") &&
  text.includes("<title>app");

/** The path as it stands: `fetch` would tidy it up. */
function raw(path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(built.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part.toString();
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    })
      .on("error", reject)
      .end();
  });
}

describe("who gets the page and who gets the data", () => {
  test.each([
    "/",
    "/approvals",
    "/agents/123",
    "/runs/1/steps",
    "/sign-in",
    "/sign-in?error=suspended",
    "/nowhere/at/all",
  ])("a browser on the way to %s gets the page, signed in or not", async (path) => {
    const answer = await get(path);
    expect(isShell(answer, await answer.text())).toBe(true);
    expect(answer.headers.get("vary")).toMatch(/\bAccept\b/);
    expect(answer.headers.get("cache-control")).toBe("no-cache");
    expect(answer.headers.get("etag")).toBeNull();
  });

  test.each<[string | null, boolean]>([
    [navigation, true],
    ["text/html", true],
    ["text/html;q=0.9, application/json;q=0.8", true],
    ["text/html, application/json", true],
    ["application/json, text/html", false],
    ["application/json", false],
    ["application/json;q=0.9, text/html;q=0.8", false],
    ["text/html;q=0, */*", false],
    ["text/*", false],
    ["*/*", false],
    ["text/event-stream", false],
    [null, false],
  ])("Accept: %s at /agents → the page: %s", async (accept, expected) => {
    const answer = await get("/agents", accept, { authorization: `Bearer ${acme.admin.token}` });
    const text = await answer.text();
    expect(isShell(answer, text)).toBe(expected);
    if (!expected) expect(answer.headers.get("content-type")).toContain("json");
    expect(answer.headers.get("vary")).toMatch(/\bAccept\b/);
  });

  test.each([
    "/docs/",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/oauth/token",
    "/sign-in/oidc",
    "/sign-in/callback",
    "/audit/export",
    "/runs/123/stream",
    "/console/assets/nothing.js",
    "/console/else",
  ])("%s is the API's own, whatever is asked for", async (path) => {
    const answer = await get(path);
    expect(isShell(answer, await answer.text())).toBe(false);
  });

  test.each(["POST", "PATCH", "DELETE", "PUT"])("%s never gets the page", async (method) => {
    const answer = await get("/agents", navigation, {}, method);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
  });

  test("HEAD is answered as GET, without the page", async () => {
    const answer = await get("/approvals", navigation, {}, "HEAD");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(await answer.text()).toBe("");
  });

  test("the page is the same for everybody, but for its nonce", async () => {
    const text = async (headers: Record<string, string>) =>
      (await (await get("/agents", navigation, headers)).text()).replaceAll(/(nonce|content)="[^"]*"/g, "");
    expect(await text({ authorization: `Bearer ${acme.admin.token}` })).toBe(await text({}));
  });

  test("a new build is served without a restart", async () => {
    await writeFile(join(directory, "index.html"), page.replace("app", "app, built again"));
    await utimes(join(directory, "index.html"), new Date(), new Date(Date.now() + 5_000));
    expect(await (await get("/")).text()).toContain("app, built again");
    await writeFile(join(directory, "index.html"), page);
    await utimes(join(directory, "index.html"), new Date(), new Date(Date.now() + 10_000));
    expect(await (await get("/")).text()).toContain("<title>app<");
  });

  test("without a build there is a page that says how to make one", async () => {
    const answer = await fetch(`${bare.url}/approvals`, { headers: { accept: navigation } });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(await answer.text()).toContain("npm run build:console");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await fetch(`${bare.url}/console/assets/index-abc123.js`)).status).toBe(404);
  });
});

describe("headers", () => {
  test("the page's policy has a nonce of this answer alone, and nothing unsafe", async () => {
    const nonces = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const answer = await get("/");
      const policy = answer.headers.get("content-security-policy") ?? "";
      const nonce = /'nonce-([A-Za-z0-9+/=]{24})'/.exec(policy)?.[1] ?? "";
      expect(nonce).not.toBe("");
      nonces.add(nonce);
      const text = await answer.text();
      expect(text).toContain(`<meta name="csp-nonce" content="${nonce}">`);
      expect(text).toContain(`<style nonce="${nonce}">`);
      expect(text).not.toContain("__CSP_NONCE__");
      expect(policy.split("; ").toSorted()).toEqual(
        [
          "default-src 'none'",
          "script-src 'self'",
          `style-src 'self' 'nonce-${nonce}'`,
          "img-src 'self' data:",
          "font-src 'self'",
          `connect-src 'self' ${built.url.replace("http", "ws")}`,
          "base-uri 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
        ].toSorted(),
      );
    }
    expect(nonces.size).toBe(3);
  });

  test("of the page, besides", async () => {
    const { headers } = await get("/");
    expect(Object.fromEntries(headers)).toMatchObject({
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "permissions-policy": "camera=(), microphone=(), geolocation=()",
    });
  });

  test.each(["/agents", "/nowhere", "/openapi.json", "/healthz", "/sign-in/options"])(
    "%s as JSON may load nothing and be framed by nobody",
    async (path) => {
      const answer = await get(path, "application/json", { authorization: `Bearer ${acme.admin.token}` });
      expect(answer.headers.get("content-security-policy")).toBe("default-src 'none';frame-ancestors 'none'");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("x-frame-options")).toBe("DENY");
    },
  );

  test("only the documentation may use styles in its elements", async () => {
    const docs = (await get("/docs/")).headers.get("content-security-policy") ?? "";
    expect(docs).toContain("style-src 'self' 'unsafe-inline'");
    expect(docs).toMatch(/script-src 'self';/);
    for (const path of ["/", "/agents", "/openapi.json", "/console/assets/index-abc123.js", "/console/assets/no"])
      expect((await get(path)).headers.get("content-security-policy"), path).not.toContain("unsafe");
  });
});

describe("assets", () => {
  const asset = (name: string, headers: Record<string, string> = {}) => get(`/console/assets/${name}`, "*/*", headers);

  test.each([
    ["index-abc123.js", /javascript/],
    ["index-abc123.css", /text\/css/],
    ["inter-abc123.woff2", /font\/woff2/],
  ])("%s has its type, and is kept for ever", async (name, type) => {
    const answer = await asset(name);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(type);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("vary")).toContain("Accept-Encoding");
  });

  test.each([
    ["gzip, deflate, br", "br"],
    ["gzip", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["identity", null],
    ["zstd", null],
  ])("Accept-Encoding: %s → %s", async (accepted, coding) => {
    const answer = await asset("index-abc123.js", { "accept-encoding": accepted });
    expect(answer.headers.get("content-encoding")).toBe(coding);
    expect(answer.headers.get("content-type")).toMatch(/javascript/);
    expect(await answer.text()).toBe(script);
  });

  test("what was not compressed beforehand comes as it is", async () => {
    const answer = await asset("index-abc123.css", { "accept-encoding": "br, gzip" });
    expect(answer.headers.get("content-encoding")).toBeNull();
    expect(await answer.text()).toBe("body{}");
  });

  test.each(["nothing.js", "", "folder", "folder/", ".hidden", "index-abc123.js/"])(
    "there is no asset `%s`: a problem, not a listing, not kept",
    async (name) => {
      const answer = await asset(name);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: "not_found" });
      expect(answer.headers.get("cache-control") ?? "").not.toContain("immutable");
    },
  );

  test.each([
    "/console/assets/../secret.txt",
    "/console/assets/..%2fsecret.txt",
    "/console/assets/%2e%2e/secret.txt",
    "/console/assets/..%5csecret.txt",
    "/console/assets/folder/../../secret.txt",
    "/console/assets//secret.txt",
    "/console/assets/%00",
    "/console/assets/%",
    "/console/secret.txt",
    "/console/index.html",
  ])("%s leads nowhere", async (path) => {
    const answer = await raw(path);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.text).not.toContain("outside of the assets");
  });
});
