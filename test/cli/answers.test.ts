import { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { type RecordingApi, type Reply, recordingApi } from "./recording-api.ts";
import { powerloom } from "./terminal.ts";

const forbidden = {
  title: "Insufficient permissions",
  status: 403,
  code: "forbidden",
  detail: "You need `agent:create` on `/acme`.",
  who_can_grant: [{ email: "grace@acme.com", role: "OrgAdmin", ou: "/acme" }],
  request_id: "req_7",
};
const pending = {
  id: "req_9",
  status: "pending_approval",
  diff: { before: null, after: { name: "x" }, summary: "Create agent x in /acme" },
};

let api: RecordingApi;
afterEach(() => api.close());

async function against(
  reply: (path: string, method: string) => Reply,
  args: string[],
  stdin?: Readable & { isTTY?: boolean },
) {
  api = await recordingApi(({ path, method }) => reply(path, method));
  return powerloom(args, { env: { POWERLOOM_API_URL: api.url }, ...(stdin === undefined ? {} : { stdin }) });
}
const create = ["agents", "create", "--name", "x", "--ou", "/acme"];

describe("--json", () => {
  test("prints exactly the result, and nothing else anywhere", async () => {
    const body = { data: [{ id: "1", name: "a\u001b[2Jb" }], next_cursor: "c" };
    const { code, stdout, stderr } = await against(() => ({ body }), ["agents", "list", "--json"]);
    expect({ code, stderr, result: JSON.parse(stdout) as unknown }).toEqual({ code: 0, stderr: "", result: body });
  });

  test("prints a refusal as a problem document on stderr", async () => {
    const { code, stdout, stderr } = await against(() => ({ status: 403, body: forbidden }), [...create, "--json"]);
    expect({ code, stdout, problem: JSON.parse(stderr) as unknown }).toEqual({
      code: 1,
      stdout: "",
      problem: forbidden,
    });
  });

  test("says wrong usage as JSON too", async () => {
    const { code, stderr } = await against(() => ({}), ["agents", "get", "--json"]);
    expect({ code, problem: JSON.parse(stderr) as unknown }).toEqual({
      code: 2,
      problem: { title: "Wrong usage", detail: "missing <agent_id>" },
    });
  });
});

describe("what people read", () => {
  test("a list is a table of aligned columns, without the escapes in its values", async () => {
    const data = [
      { path: "/acme", display_name: "Acme\u001b[31m", id: "1" },
      { path: "/acme/engineering", display_name: "Engineering", id: "2" },
    ];
    const { stdout } = await against(() => ({ body: { data, next_cursor: "next" } }), ["ous", "list"]);
    expect(stdout).toBe(
      [
        "PATH               DISPLAY NAME  ID",
        "/acme              Acme\u{fffd}[31m     1",
        "/acme/engineering  Engineering   2",
        "More: --cursor next",
        "",
      ].join("\n"),
    );
  });

  test("one thing is a block of keys and values", async () => {
    const body = {
      name: "reviewer",
      sync_error: null,
      skills: ["a", "b"],
      attachments: { skills: [{ name: "a", version: 2 }] },
    };
    const { stdout } = await against(() => ({ body }), ["agents", "get", "0198c2f4-6f7e-7c3a-9d55-000000000001"]);
    expect(stdout).toBe(
      "name: reviewer\nsync_error: –\nskills: a, b\nattachments:\n  skills:\n    - name: a\n      version: 2\n",
    );
  });

  test("a refusal says what is missing and who can grant it", async () => {
    const { code, stdout, stderr } = await against(() => ({ status: 403, body: forbidden }), create);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("Insufficient permissions (403): You need `agent:create` on `/acme`.");
    expect(stderr).toContain("who can grant it: grace@acme.com (OrgAdmin at /acme)");
    expect(stderr).toContain("request: req_7");
  });

  test("without a valid token it is said how to log in", async () => {
    const body = { title: "Not authenticated", status: 401, code: "unauthenticated", detail: "There is no token." };
    const { code, stderr } = await against(() => ({ status: 401, body }), ["whoami"]);
    expect(code).toBe(1);
    expect(stderr).toContain("powerloom login");
  });

  test("an API that is not there ends with 4", async () => {
    api = await recordingApi();
    const { url } = api;
    await api.close();
    const { code, stderr } = await powerloom(["whoami", "--api", url]);
    expect(code).toBe(4);
    expect(stderr).toContain(`Cannot reach the API at ${url}`);
  });
});

describe("a change that needs an approval", () => {
  test("ends with 3 and names the request", async () => {
    const { code, stdout } = await against(() => ({ status: 202, body: pending }), create);
    expect(code).toBe(3);
    expect(stdout).toContain("Waits for approval: Create agent x in /acme");
    expect(stdout).toContain("powerloom approvals get req_9");
  });

  test("as JSON is the request, with the same exit code", async () => {
    const { code, stdout } = await against(() => ({ status: 202, body: pending }), [...create, "--json"]);
    expect({ code, request: JSON.parse(stdout) as unknown }).toEqual({ code: 3, request: pending });
  });

  test("with --wait is asked about until it is applied, and then shows the result", async () => {
    const states = [pending, pending, { ...pending, status: "applied", result: { id: "a1", name: "x" } }];
    const { code, stdout, stderr } = await against(
      (_path, method) => (method === "POST" ? { status: 202, body: pending } : { body: states.shift() }),
      [...create, "--wait", "--json"],
    );
    expect({ code, stderr, result: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      stderr: "",
      result: { id: "a1", name: "x" },
    });
    expect(api.requests.slice(1).map(({ path }) => path)).toEqual(Array.from({ length: 3 }, () => "/requests/req_9"));
  });

  test("with --wait and a denial ends with 1 and the reason", async () => {
    const { code, stderr } = await against(
      (_path, method) =>
        method === "POST"
          ? { status: 202, body: pending }
          : { body: { ...pending, status: "denied", reason: "wrong OU" } },
      [...create, "--wait"],
    );
    expect(code).toBe(1);
    expect(stderr).toContain("The request was denied: wrong OU");
  });
});

describe("a vote", () => {
  const approval = {
    id: "req_9",
    digest: "d".repeat(64),
    requester_email: "emma@acme.com",
    actor: null,
    ou_path: "/acme",
    diff: { before: { model: "a", name: "x" }, after: { model: "b", name: "x" }, summary: "Update agent x" },
  };
  const vote = ["approvals", "vote", "req_9", "--decision", "approve"];
  const reply = () => ({ body: approval });
  const typing = (text: string) => Object.assign(Readable.from([text]), { isTTY: true });

  test("shows what would change and votes for exactly that, after a yes", async () => {
    const { code, stderr } = await against(reply, vote, typing("y\n"));
    expect(code).toBe(0);
    expect(stderr).toContain("Update agent x\n  - model: a\n  + model: b\nasked by emma@acme.com in /acme");
    expect(api.requests.at(-1)).toMatchObject({
      method: "POST",
      path: "/approvals/req_9/votes",
      body: { decision: "approve", digest: approval.digest },
    });
  });

  test("is not cast after anything else", async () => {
    const { code } = await against(reply, vote, typing("\n"));
    expect(code).toBe(1);
    expect(api.requests.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("with --yes needs no terminal", async () => {
    const { code, stdout } = await against(reply, [...vote, "--yes", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(approval);
  });

  test("with a digest asks for nothing first", async () => {
    await against(reply, [...vote, "--digest", "e".repeat(64)]);
    expect(api.requests.map(({ method, body }) => [method, body])).toEqual([
      ["POST", { decision: "approve", digest: "e".repeat(64) }],
    ]);
  });

  test.each([[["--json"]], [[]]])(
    "with nobody to ask and neither --yes nor a digest is wrong usage %j",
    async (more) => {
      const { code } = await against(reply, [...vote, ...more]);
      expect(code).toBe(2);
      expect(api.requests).toEqual([]);
    },
  );
});
