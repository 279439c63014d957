import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Recorded, type RecordingApi, recordingApi } from "./recording-api.ts";
import { emptyHome, powerloom } from "./terminal.ts";

const reviewer = "0198c2f4-6f7e-7c3a-9d55-000000000001";
const skill = "0198c2f4-6f7e-7c3a-9d55-000000000002";
const agents = [
  { id: reviewer, name: "reviewer", ou_path: "/acme/engineering" },
  { id: "0198c2f4-6f7e-7c3a-9d55-000000000003", name: "twin", ou_path: "/acme/sales" },
  { id: "0198c2f4-6f7e-7c3a-9d55-000000000004", name: "twin", ou_path: "/acme/legal" },
];

let api: RecordingApi;
beforeAll(async () => {
  api = await recordingApi(({ method, path, query }) => {
    if (method !== "GET" || path !== "/agents") return undefined;
    return { body: { data: agents.filter(({ name }) => name === query["name"]), next_cursor: null } };
  });
});
afterAll(() => api.close());
beforeEach(() => {
  api.requests.length = 0;
});

const ask = (...args: string[]) => powerloom([...args, "--api", api.url, "--token", "t0ken"]);
const last = () => api.requests.at(-1) as Recorded;

describe("what is typed becomes a request", () => {
  test("options are the body, the token is sent, and each call has a key of its own", async () => {
    await ask("agents", "create", "--name", "reviewer", "--ou", "/acme", "--display-name", "Code reviewer");
    expect(last()).toMatchObject({
      method: "POST",
      path: "/agents",
      body: { name: "reviewer", ou: "/acme", display_name: "Code reviewer" },
      headers: { authorization: "Bearer t0ken" },
    });
    const key = last().headers["idempotency-key"];
    await ask("agents", "create", "--name", "reviewer", "--ou", "/acme");
    expect(key).toMatch(/^[0-9a-f-]{36}$/);
    expect(last().headers["idempotency-key"]).not.toBe(key);
  });

  test("global options may stand before the command too", async () => {
    await powerloom(["--api", api.url, "--json", "agents", "list", "--ou", "/acme", "--limit", "5"]);
    expect(last()).toMatchObject({ method: "GET", path: "/agents", query: { ou: "/acme", limit: "5" } });
  });

  test("path parameters go by place or by name", async () => {
    await ask("agents", "detach-skill", reviewer, skill);
    expect(last()).toMatchObject({ method: "DELETE", path: `/agents/${reviewer}/skills/${skill}`, body: undefined });
    await ask("agents", "detach-skill", skill, "--agent-id", reviewer);
    expect(last().path).toBe(`/agents/${reviewer}/skills/${skill}`);
  });

  test("a parameter named like an option of the program is the command's own", async () => {
    await ask("agents", "attach-skill", reviewer, "--skill-id", skill, "--version", "2");
    expect(last().body).toEqual({ skill_id: skill, version: 2 });
  });

  test("arrays are comma-separated or repeated, booleans yes or no, numbers numbers", async () => {
    const words = [
      "--name",
      "p",
      "--ou",
      "/acme",
      "--operations",
      "agent.create, agent.update",
      "--operations",
      "skill.*",
    ];
    await ask("approval-policies", "create", ...words, "--approvals-needed", "2", "--no-enabled");
    expect(last().body).toEqual({
      name: "p",
      ou: "/acme",
      operations: ["agent.create", "agent.update", "skill.*"],
      approvals_needed: 2,
      enabled: false,
    });
    await ask("approval-policies", "update", skill, "--enabled");
    expect(last()).toMatchObject({ method: "PATCH", path: `/approval-policies/${skill}`, body: { enabled: true } });
  });

  test("a long text comes from a file, byte for byte", async () => {
    const folder = join(emptyHome(), "a,b");
    mkdirSync(folder);
    writeFileSync(join(folder, "SKILL.md"), "# Zeile eins\nzwei, drei\n");
    await ask("skills", "create-version", skill, "--from-file", `content=${join(folder, "SKILL.md")}`);
    expect(last().body).toEqual({ content: "# Zeile eins\nzwei, drei\n" });
  });

  test("--dry-run, --if-match and --idempotency-key are carried", async () => {
    await ask(
      "agents",
      "update",
      reviewer,
      "--model",
      "claude-x",
      "--dry-run",
      "--if-match",
      "3",
      "--idempotency-key",
      "k",
    );
    expect(last().query).toEqual({ dryRun: "true" });
    expect(last().headers).toMatchObject({ "if-match": '"3"', "idempotency-key": "k" });
  });

  test("what is typed cannot leave its place in the path", async () => {
    await ask("users", "get", "emma+x@acme.com/../me?x=1");
    expect(last().path).toBe("/users/emma%2Bx%40acme.com%2F..%2Fme%3Fx%3D1");
    expect((await ask("users", "get", "..")).code).toBe(2);
  });

  test.each([
    [["approvals", "vote", "..", "--decision", "approve", "--yes"], "request_id"],
    [["chat", "--session", "..", "hello"], "session_id"],
  ])("nor what %j looks at before it asks", async (args, name) => {
    const { code, stderr } = await ask(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(`'..' is no ${name}`);
    expect(api.requests).toEqual([]);
  });
});

describe("an agent may be named", () => {
  test("by its name", async () => {
    await ask("agents", "get", "reviewer");
    expect(api.requests.map(({ path }) => path)).toEqual(["/agents", `/agents/${reviewer}`]);
  });

  test("by OU and name, when the name is there twice", async () => {
    const both = await ask("agents", "get", "twin");
    expect(both.code).toBe(2);
    expect(both.stderr).toContain("/acme/sales/twin");
    expect(both.stderr).toContain("/acme/legal/twin");
    await ask("agents", "get", "/acme/legal/twin");
    expect(last().path).toBe(`/agents/${agents[2]?.id}`);
  });

  test("and when there is none of that name, that is said", async () => {
    const none = await ask("agents", "delete", "nobody");
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain("There is no agent named `nobody`");
  });

  test("invoke opens a session and gives it the prompt", async () => {
    await ask("invoke", "reviewer", "Look around.", "--wait", "--wait-seconds", "9");
    expect(last()).toMatchObject({
      method: "POST",
      path: `/agents/${reviewer}/invoke`,
      body: { prompt: "Look around.", mode: "wait", wait_seconds: 9 },
    });
  });
});

describe("bad usage", () => {
  test.each([
    ["an unknown command", ["agnts"]],
    ["an unknown option", ["agents", "list", "--colour"]],
    ["a missing option", ["agents", "create", "--name", "x"]],
    ["a missing place", ["agents", "get"]],
    ["one argument too many", ["agents", "get", reviewer, "more"]],
    ["a word for a number", ["agents", "list", "--limit", "many"]],
    ["a value outside the choices", ["bindings", "create", "--role", "King", "--ou", "/"]],
    ["a file for a field that is not there", ["skills", "create", "--from-file", "nothing=x"]],
    ["an API that is no URL", ["whoami", "--api", "nowhere"]],
    ["a group without a command", ["agents"]],
  ])("%s ends with 2 and asks nothing", async (_what, args) => {
    const outcome = await powerloom(args, { env: { POWERLOOM_API_URL: api.url } });
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome.stderr).not.toBe("");
    expect(api.requests).toEqual([]);
  });

  test("everything that is missing is named at once", async () => {
    expect((await ask("skills", "create", "--name", "x")).stderr).toContain("missing --ou, --description, --content");
  });
});
