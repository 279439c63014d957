import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RecordingApi, type Reply, recordingApi } from "./recording-api.ts";
import { emptyHome, powerloom } from "./terminal.ts";

const me = { email: "admin@dev.local", organisation: "dev-org" };
let api: RecordingApi;
let other: RecordingApi;
beforeAll(async () => {
  const reply = ({ path, headers }: { path: string; headers: Record<string, unknown> }): Reply => {
    if (path === "/dev/login") return { body: { access_token: "dev-token", expires_in: 3600 } };
    if (path === "/me" && headers["authorization"] === "Bearer bad")
      return { status: 401, body: { title: "Not authenticated", status: 401, detail: "The token is not valid." } };
    if (path === "/bootstrap")
      return {
        status: 202,
        body: {
          status: "running",
          agent: { name: "powerloom-meta" },
          steps: ["create agent"],
        },
      };
    return { body: me };
  };
  api = await recordingApi(reply);
  other = await recordingApi(reply);
});
afterAll(async () => {
  await api.close();
  await other.close();
});
beforeEach(() => {
  api.requests.length = 0;
  other.requests.length = 0;
});

describe("login", () => {
  test("in dev mode keeps the token for its owner alone, and later commands use it", async () => {
    const env = { POWERLOOM_HOME: emptyHome() };
    const login = await powerloom(["login", "--dev", "--email", "admin@dev.local", "--api", api.url], { env });
    expect(login).toMatchObject({ code: 0, stderr: "" });
    expect(login.stdout).toContain("as admin@dev.local (dev-org)");
    expect(login.stdout).not.toContain("dev-token");
    const file = join(env.POWERLOOM_HOME, "login.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ api_url: api.url, token: "dev-token" });

    await powerloom(["whoami"], { env });
    expect(api.requests.at(-1)).toMatchObject({ path: "/me", headers: { authorization: "Bearer dev-token" } });
  });

  test("takes a token from stdin", async () => {
    const env = { XDG_CONFIG_HOME: emptyHome(), POWERLOOM_HOME: "" };
    const stdin = Readable.from(["secret\n"]);
    expect((await powerloom(["login", "--token-stdin", "--api", api.url], { env, stdin })).code).toBe(0);
    expect(readFileSync(join(env.XDG_CONFIG_HOME, "powerloom/login.json"), "utf8")).toContain('"secret"');
  });

  test("does not keep a token the API refuses", async () => {
    const env = { POWERLOOM_HOME: emptyHome() };
    expect((await powerloom(["login", "--token", "bad", "--api", api.url], { env })).code).toBe(1);
    expect(() => readFileSync(join(env.POWERLOOM_HOME, "login.json"))).toThrow("ENOENT");
  });

  test("a saved token is not shown to another API", async () => {
    const env = { POWERLOOM_HOME: emptyHome() };
    await powerloom(["login", "--token", "mine", "--api", api.url], { env });
    await powerloom(["whoami", "--api", other.url], { env });
    expect(other.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  test("options win over the environment, the environment over the saved login", async () => {
    const env = { POWERLOOM_HOME: emptyHome() };
    await powerloom(["login", "--token", "saved", "--api", api.url], { env });
    const inEnv = { ...env, POWERLOOM_API_URL: other.url, POWERLOOM_TOKEN: "env" };
    await powerloom(["whoami"], { env: inEnv });
    expect(other.requests.at(-1)?.headers.authorization).toBe("Bearer env");
    await powerloom(["whoami", "--token", "given", "--api", api.url], { env: inEnv });
    expect(api.requests.at(-1)?.headers.authorization).toBe("Bearer given");
  });

  test.each([[["login"]], [["login", "--dev"]], [["login", "--dev", "--email", "a@b.c", "--token", "x"]]])(
    "%j is wrong usage",
    async (args) => {
      expect((await powerloom([...args, "--api", api.url])).code).toBe(2);
    },
  );
});

describe("bootstrap", () => {
  test("with an email alone logs in for itself, sends what was said, and reports a state that is not final as such", async () => {
    const args = [
      "bootstrap",
      "--api",
      api.url,
      "--admin-email",
      "admin@dev.local",
      "--ou-path",
      "/dev-org/engineering",
    ];
    const { code, stdout } = await powerloom(args);
    expect(code).toBe(3);
    expect(stdout).toContain("Meta-agent powerloom-meta: running\n  ✓ create agent\n");
    expect(api.requests.at(-1)).toMatchObject({
      path: "/bootstrap",
      headers: { authorization: "Bearer dev-token" },
      body: {
        ou: "/dev-org/engineering",
        name: "powerloom-meta",
        display_name: "Powerloom Meta",
      },
    });
  });

  test("with an admin's token uses that", async () => {
    await powerloom([
      "bootstrap",
      "--api",
      api.url,
      "--admin-token",
      "jwt",
      "--ou-path",
      "/acme",
      "--model",
      "claude-x",
    ]);
    expect(api.requests.map(({ path }) => path)).toEqual(["/bootstrap"]);
    expect(api.requests[0]).toMatchObject({ headers: { authorization: "Bearer jwt" }, body: { model: "claude-x" } });
  });

  test("does not act with somebody else's token", async () => {
    const args = ["bootstrap", "--api", api.url, "--admin-email", "other@dev.local", "--admin-token", "jwt"];
    const { code, stderr } = await powerloom([...args, "--ou-path", "/acme"]);
    expect(code).toBe(2);
    expect(stderr).toContain("the token is admin@dev.local's, not other@dev.local's");
    expect(api.requests.map(({ path }) => path)).toEqual(["/me"]);
  });

  test("needs the OU", async () => {
    expect((await powerloom(["bootstrap", "--api", api.url])).code).toBe(2);
  });
});
