import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { problem } from "./api-fixture.ts";
import { completed, type RunsScene, run, runDetail, setRunsScene, step } from "./runs-scene.ts";
import { textOf } from "./stage.ts";
import { uuid } from "./views.ts";

const id = uuid(60);

let scene: RunsScene;
beforeEach(async () => {
  scene = await setRunsScene();
});
afterEach(() => scene.close());

async function call(name: string, args: Record<string, unknown> = {}, bearer?: string) {
  const client = await scene.connectRuns("auto", bearer);
  const result = await client.callTool({ name, arguments: args });
  await client.close();
  return result;
}

const keys = (path: string) => scene.api.to(path).map(({ headers }) => headers["idempotency-key"]);

describe("start_run", () => {
  const args = { task: "Write a greeting", ou: "/acme", budget: { tokens: 5_000 } };
  beforeEach(() => scene.api.on("POST /runs", { status: 201, body: run(60, { status: "received" }) }));

  test("sends what was said, with a token for that one operation, and says what to do next", async () => {
    const result = await call("start_run", { ...args, files: [{ path: "a.txt", content: "hi" }] });
    expect(result.structuredContent).toMatchObject({ run: { id }, message: expect.stringContaining("wait_run") });
    expect(scene.api.to("/oauth/token").map(({ body }) => body)).toEqual([
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: scene.runsBearer,
        subject_token_type: "urn:powerloom:token-type:session-bearer",
        scope: "run.start",
      },
    ]);
    const [sent] = scene.api.to("/runs");
    expect(sent?.headers["authorization"]).toBe("Bearer delegated.run.start.1");
    expect(sent?.body).toEqual({
      ...args,
      agent: "orchestrator",
      files: [{ path: "a.txt", content: "hi", encoding: "utf8" }],
    });
  });

  test("asked twice in one session carries one key; another session, argument or key another", async () => {
    await call("start_run", args);
    await call("start_run", args);
    await call("start_run", args, scene.newBearer("second", { aud: scene.mcp.runsUrl }));
    await call("start_run", { ...args, ou: "/acme/sales" });
    await call("start_run", { ...args, idempotency_key: "mine-1" });
    const [first, again, ...others] = keys("/runs");
    expect(again).toBe(first);
    expect(new Set([first, ...others]).size).toBe(4);
    expect(others.at(-1)).toBe("mine-1");
  });

  test("that finds its run ended says so, and how to run the task again", async () => {
    scene.api.on("POST /runs", { status: 201, body: run(60, completed) });
    const { structuredContent } = await call("start_run", args);
    expect(structuredContent).toMatchObject({ message: expect.stringContaining("give a new idempotency_key") });
  });

  test("takes two hundred files, and no more", async () => {
    const files = Array.from({ length: 201 }, (_, index) => ({ path: `f${index}`, content: "x" }));
    expect((await call("start_run", { ...args, files: files.slice(1) })).isError).toBeFalsy();
    expect((await call("start_run", { ...args, files })).isError).toBe(true);
    expect(scene.api.to("/runs")).toHaveLength(1);
  });
});

test("get_run shows the latest steps, and says when there were more", async () => {
  const steps = Array.from({ length: 60 }, (_, index) => step(index + 1));
  scene.api.on(`GET /runs/${id}`, { status: 200, body: runDetail(60, { steps, children: [run(61, completed)] }) });
  const { structuredContent } = await call("get_run", { run_id: id });
  const shown = structuredContent as { steps: { step_num: number }[]; children: object[] };
  expect(shown.steps.map(({ step_num }) => step_num)).toEqual(steps.slice(10).map(({ step_num }) => step_num));
  expect(shown).toMatchObject({ steps_truncated: true, children: [{ id: uuid(61), status: "completed" }] });
  expect(shown.children[0]).not.toHaveProperty("output");
});

test("list_runs narrows by status and says when there are more", async () => {
  scene.api.on("GET /runs", { status: 200, body: { data: [run(60)], next_cursor: "more" } });
  const { structuredContent } = await call("list_runs", { status: "running", limit: 1 });
  expect(structuredContent).toMatchObject({ runs: [{ id }], more: true });
  expect(scene.api.to("/runs").map(({ query }) => query)).toEqual([{ status: "running", limit: "1" }]);
});

test("cancel_run passes the reason on, once however often it is asked", async () => {
  scene.api.on(`POST /runs/${id}/cancel`, { status: 202, body: { id: uuid(70), status: "accepted" } });
  for (const _ of [1, 2])
    expect((await call("cancel_run", { run_id: id, reason: "too slow" })).structuredContent).toMatchObject({
      status: "accepted",
      run_id: id,
    });
  const path = `/runs/${id}/cancel`;
  expect(scene.api.to(path)[0]?.body).toEqual({ reason: "too slow" });
  expect(new Set(keys(path)).size).toBe(1);
});

describe("wait_run", () => {
  const wait = async (...answers: Record<string, unknown>[]) => {
    let asked = 0;
    scene.api.on(`GET /runs/${id}`, () => {
      asked += 1;
      return { status: 200, body: runDetail(60, answers[Math.min(asked, answers.length) - 1]) };
    });
    const started = performance.now();
    const { structuredContent } = await call("wait_run", { run_id: id, timeout_seconds: 1 });
    return { answer: structuredContent as Record<string, unknown>, ms: performance.now() - started, asked };
  };

  test("returns when the run ends, after looking with one token, with its output", async () => {
    const { answer, asked } = await wait({}, {}, completed);
    expect(answer).toMatchObject({
      outcome: "ended",
      run: { output: { result: "Hello" } },
      message: expect.stringContaining("completed"),
    });
    expect(asked).toBe(3);
    expect(scene.api.to("/oauth/token")).toHaveLength(1);
  });

  test.each(["failed", "stopped", "cancelled"])("tells why a run has %s", async (status) => {
    const { answer } = await wait({ ...completed, status, reason: { rule: "budget", reason: "no tokens are left" } });
    expect(answer).toMatchObject({ outcome: "ended", message: expect.stringContaining("no tokens are left") });
  });

  test.each([
    ["an approval", { status: "waiting", waiting_for: "req_1" }, "req_1", "/approvals"],
    ["an approval, though it was paused and resumed meanwhile", { waiting_for: "req_1" }, "req_1", "/approvals"],
    ["somebody to resume it", { status: "paused" }, null, "powerloom runs resume"],
  ])("returns at once when the run waits for %s", async (_what, state, request_id, words) => {
    const { answer, asked } = await wait(state);
    expect(answer).toMatchObject({
      outcome: "waiting_for_person",
      waiting: [{ run_id: id, agent: "orchestrator", request_id }],
      message: expect.stringContaining(words),
    });
    expect(asked).toBe(1);
  });

  test("returns when a subagent's run waits for approval", async () => {
    const child = run(61, { agent: "executor", status: "waiting", waiting_for: "req_2", parent_run_id: id });
    const { answer } = await wait({ children: [run(62, completed), child] });
    expect(answer).toMatchObject({
      outcome: "waiting_for_person",
      waiting: [{ run_id: uuid(61), agent: "executor", request_id: "req_2" }],
    });
  });

  test("returns when the time is over, and not much later", async () => {
    const { answer, ms } = await wait({});
    expect(answer).toMatchObject({ outcome: "still_running", message: expect.stringContaining("wait_run again") });
    expect(ms).toBeGreaterThan(950);
    expect(ms).toBeLessThan(3_000);
  });

  test("gives up early when the server is about to end", async () => {
    scene.api.on(`GET /runs/${id}`, { status: 200, body: runDetail(60) });
    const waiting = call("wait_run", { run_id: id, timeout_seconds: 50 });
    await expect.poll(() => scene.api.to(`/runs/${id}`).length).toBeGreaterThan(0);
    const asked = performance.now();
    await Promise.all([scene.mcp.close(), waiting]);
    expect((await waiting).structuredContent).toMatchObject({ outcome: "still_running" });
    expect(performance.now() - asked).toBeLessThan(5_000);
  });

  test("takes 1 to 50 seconds", async () => {
    for (const timeout_seconds of [0, 51, 1.5])
      expect((await call("wait_run", { run_id: id, timeout_seconds })).isError).toBe(true);
    expect(scene.api.to("/oauth/token")).toHaveLength(0);
  });

  test("passes on what goes wrong while it waits", async () => {
    let asked = 0;
    const refusal = problem(401, "unauthenticated", "The token was refused: its session has ended.");
    scene.api.on(`GET /runs/${id}`, () => {
      asked += 1;
      return asked < 3 ? { status: 200, body: runDetail(60) } : refusal;
    });
    const result = await call("wait_run", { run_id: id, timeout_seconds: 5 });
    expect(result.isError).toBe(true);
    expect(JSON.parse(textOf(result))).toEqual(refusal.body);
  });
});

test.each([
  [
    "start_run",
    { task: "x" },
    "POST /runs",
    problem(403, "forbidden", "insufficient permissions", { missing: "run:create" }),
  ],
  ["get_run", { run_id: id }, `GET /runs/${id}`, problem(404, "not_found", "No run found")],
  ["wait_run", { run_id: id }, `GET /runs/${id}`, problem(404, "not_found", "No run found")],
  [
    "list_runs",
    {},
    "GET /runs",
    problem(403, "forbidden", "A delegated token may not be used", { rule: "not-delegable" }),
  ],
  ["cancel_run", { run_id: id }, `POST /runs/${id}/cancel`, problem(409, "conflict", "The run is already completed.")],
])("%s passes a refusal on exactly as the API wrote it", async (name, args, route, answer) => {
  const raw = `${JSON.stringify(answer.body, null, 2)}\n`;
  scene.api.on(route, { ...answer, body: raw });
  const result = await call(name, args);
  expect(result.isError).toBe(true);
  expect(result.structuredContent).toBeUndefined();
  expect(textOf(result)).toBe(raw);
});

test("a refused token exchange is passed on as well, and no operation is made", async () => {
  const raw = '{"error":"invalid_grant","error_description":"the session has ended"}';
  scene.api.on("POST /oauth/token", { status: 400, body: raw });
  expect(textOf(await call("start_run", { task: "x" }))).toBe(raw);
  expect(scene.api.to("/runs")).toHaveLength(0);
});

test.each([
  ["get_run", { run_id: "../approvals" }],
  ["cancel_run", { run_id: `${id}/../${id}` }],
  ["start_run", {}],
  ["start_run", { task: "x", files: [{ path: "../x", content: "" }] }],
  ["start_run", { task: "x", idempotency_key: "two words" }],
  ["list_runs", { status: "approved" }],
])("%s with arguments that do not fit never reaches the API", async (name, args) => {
  expect((await call(name, args)).isError).toBe(true);
  expect(scene.api.to("/oauth/token")).toHaveLength(0);
});

test("calls are counted by tool and outcome", async () => {
  scene.api.on("POST /runs", { status: 201, body: run(60) });
  await call("start_run", { task: "x" });
  const metrics = await (await fetch(`http://127.0.0.1:${scene.mcp.port}/metrics`)).text();
  expect(metrics).toContain('powerloom_mcp_tool_calls_total{tool="start_run",outcome="accepted"} 1');
});
