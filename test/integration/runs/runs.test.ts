import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { mindCalls } from "../../simulator/minds.ts";
import { ask } from "../../support/ask.ts";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import {
  armMind,
  decideNext,
  ended,
  eventsOf,
  fixingMind,
  planOf,
  runWhen,
  sample,
  sampleFiles,
  talker,
} from "../../support/runs.ts";

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("runs");
  const { root } = organisation;
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
  eve = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
});

const start = (input: Record<string, unknown>, person: Person = bob) =>
  person.make<{ id: string; status: string; trace_id: string }>("/runs", input);
const plan = {
  steps: [
    {
      step: 1,
      description: "look",
      tool: "read_file",
      args: { path: "a.txt" },
      expected_output: "text",
      depends_on: [],
    },
  ],
  reasoning: "r",
  risks: [],
};
const list = { tool_uses: [{ name: "list_directory", input: { path: "." } }] };

describe("a run from task to reviewed result", () => {
  test("plans, asks for what changes things, carries out, reviews, and leaves the fixed file", async (context) => {
    const sandbox = await sandboxAvailability();
    if (!sandbox.available) {
      console.log(`skipped: ${sandbox.reason}`);
      context.skip();
    }
    const models = await armMind("fixing", fixingMind());
    const { id, trace_id } = await start({ task: "Find and fix the failing test.", models, files: sampleFiles });
    const command = await decideNext(eve, "approve", organisation.root);
    const write = await decideNext(eve, "approve", organisation.root);
    expect(write.id).not.toBe(command.id);
    const run = await ended(bob, id);
    expect(run).toMatchObject({
      status: "completed",
      output: { result: "fixed and reviewed", status: "done" },
      children: [
        { agent: "planner", status: "completed" },
        { agent: "executor", status: "completed", output: { status: "success" } },
        { agent: "reviewer", status: "completed", output: { verdict: "pass" } },
      ],
    });
    const files = await bob.get<{ data: { path: string; change: string; content: string | null }[] }>(
      `/runs/${id}/files`,
    );
    expect(files.data.filter(({ change }) => change !== "same")).toEqual([
      expect.objectContaining({ path: "src/total.js", change: "changed", content: sample.fixed }),
    ]);

    const events = await eventsOf(bob, id);
    expect(events.map(({ position }) => position)).toEqual(events.map((_, index) => index + 1));
    const types = new Set(events.map(({ type }) => type));
    for (const type of [
      "run_started",
      "plan_validated",
      "permission_requested",
      "permission_approved",
      "elevation_granted",
      "elevation_used",
      "run_step",
      "run_completed",
    ])
      expect(types).toContain(type);
    const audit = await organisation.admin.get<{
      data: { operation: string; body: { act: string | null; detail: { trace_id?: string } } }[];
    }>("/audit?limit=200");
    const ofRun = audit.data.filter(({ body }) => body.detail.trace_id === trace_id);
    expect(ofRun.filter(({ operation }) => operation === "run.started")).toHaveLength(4);
    expect(ofRun.filter(({ operation }) => operation === "run.completed")).toHaveLength(4);
    // What people did themselves: they asked for the run and decided what it asked.
    const theirs = ofRun.filter(({ body }) => body.act === null).map(({ operation }) => operation);
    expect(theirs.toSorted()).toEqual(["approval.vote", "approval.vote", "run.start"]);
    expect(ofRun.every(({ body }) => body.act === null || body.act.startsWith("run:"))).toBe(true);
    expect(await organisation.admin.get("/audit/verify")).toMatchObject({ intact: true });

    const whole = await bob.get<{ trace_id: string; runs: { transcript: unknown[]; steps: unknown[] }[] }>(
      `/runs/${id}/export`,
    );
    expect(whole.trace_id).toBe(trace_id);
    expect(whole.runs).toHaveLength(4);
    expect(whole.runs.every(({ transcript }) => transcript.length > 0)).toBe(true);
  });

  test("a denial reaches the model as an answer, and nothing was done", async () => {
    const { plan: writing, executor } = planOf([
      { step: 1, tool: "write_file", args: { path: "x.txt", content: "x" } },
    ]);
    const models = await armMind("denied", {
      ...fixingMind(),
      planner: { turns: [{ output: writing }] },
      executor,
    });
    const { id } = await start({ task: "Write a file.", models });
    await decideNext(eve, "deny", organisation.root);
    const run = await ended(bob, id);
    const executed = run.children.find(({ agent }) => agent === "executor");
    expect(executed).toMatchObject({ status: "failed", reason: { rule: "plan-failed" } });
    const requests = await bob.get<{
      data: { decision: string; decision_reason: string; artifacts: { markdown: string } }[];
    }>(`/runs/${id}/permission-requests`);
    expect(requests.data).toEqual([
      expect.objectContaining({ decision: "denied", decision_reason: "as the test says" }),
    ]);
    expect(requests.data[0]?.artifacts.markdown).toContain("write_file");
    const files = await bob.get<{ data: unknown[] }>(`/runs/${id}/files`);
    expect(files.data).toEqual([]);
  });

  test("an answer that does not fit goes back to be mended, and fails the run when it never does", async () => {
    const mended = await armMind(
      "mended",
      talker([{ output: { steps: [], reasoning: "r", risks: [] } }, { output: plan }]),
    );
    const good = await start({ task: "Plan.", agent: "planner", models: mended });
    const g = await ended(bob, good.id);
    expect(g).toMatchObject({ status: "completed" });
    const never = await armMind("never", talker([{ output: { steps: [], reasoning: "r", risks: [] } }]));
    const bad = await start({ task: "Plan.", agent: "planner", models: never });
    expect(await ended(bob, bad.id)).toMatchObject({ status: "failed", reason: { rule: "output-invalid" } });
  });
});

/** Waits until the mind has been asked for this turn, and has not answered. */
async function underWay(mind: string, turn: number): Promise<void> {
  const asked = async () =>
    (await mindCalls({ url: sharedStack().simulatorUrl }, mind)).some((call) => call.turn === turn && !call.answered) ||
    undefined;
  await eventually(asked, `turn ${turn} is under way`);
}

test("the effort of a definition is asked of the model with every call, and of nobody else's", async () => {
  const models = await armMind("effort", {
    orchestrator: {
      turns: [
        { tool_uses: [{ name: "delegate", input: { agent: "spender", input: { task: "Look." } } }] },
        { output: { summary: "looked" } },
      ],
    },
    reader: { turns: [list, { output: { summary: "nothing there" } }] },
  });
  const model = models["orchestrator"] ?? "";
  const { id } = await start({ task: "Look.", agent: "spending-desk", models: { reader: model, orchestrator: model } });
  expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  const asked = await mindCalls({ url: sharedStack().simulatorUrl }, model);
  expect(asked.map(({ role, effort }) => ({ role, effort }))).toEqual([
    { role: "orchestrator", effort: null },
    { role: "reader", effort: "low" },
    { role: "reader", effort: "low" },
    { role: "orchestrator", effort: null },
  ]);
});

describe("limits", () => {
  test("a budget that runs out stops the run before the call that would exceed it", async () => {
    const models = await armMind("spender", talker([list]));
    const { id } = await start({ task: "Spend.", agent: "planner", models, budget: { tokens: 6_000 } });
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "stopped", reason: { rule: "budget-exhausted" } });
    expect(run.used.tokens).toBeLessThanOrEqual(6_000);
    const warned = (await eventsOf(bob, id)).filter(({ type }) => type === "budget_warning");
    expect(warned.length).toBeGreaterThan(0);
  });

  test("steps side by side wait for what their neighbours give back, before a budget counts as used up", async () => {
    const steps = [1, 2, 3, 4].map((step) => ({ step, tool: "read_file", args: { path: "a.txt", offset: step } }));
    const { plan, executor } = planOf(steps);
    const delegate = (agent: string, input: Record<string, unknown>) => ({
      tool_uses: [{ name: "delegate", input: { agent, input } }],
    });
    const models = await armMind("neighbours", {
      orchestrator: {
        turns: [
          delegate("planner", { task: "{{input.task}}" }),
          delegate("executor", { plan: "{{last.run_id}}" }),
          { output: { result: "read", status: "done" } },
        ],
      },
      planner: { turns: [{ output: plan }] },
      executor,
    });
    const files = [{ path: "a.txt", content: "1\n2\n3\n4\n" }];
    const { id } = await start({ task: "Read.", models, files, budget: { tokens: 28_000 } });
    const run = await ended(bob, id);
    expect(run).toMatchObject({ status: "completed" });
    expect(run.children.map(({ agent, status }) => [agent, status])).toEqual([
      ["planner", "completed"],
      ["executor", "completed"],
    ]);
  });

  test("an agent that goes in circles is warned, made to think anew, paused, and stopped", async () => {
    const models = await armMind("circler", talker([list]));
    const { id } = await start({ task: "Circle.", agent: "planner", models, budget: { tokens: 2_000_000 } });
    const paused = await runWhen(
      bob,
      id,
      ({ status, completed_at }) => status === "paused" || completed_at !== null,
      "it is paused",
    );
    if (paused.status === "paused") expect((await bob.send("POST", `/runs/${id}/resume`, {})).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({ status: "stopped", reason: { rule: "loop" } });
    const levels = (await eventsOf(bob, id))
      .filter(({ type }) => type === "loop_detected")
      .map(({ payload }) => payload["level"]);
    expect(levels).toEqual(["warn", "replan", "pause", "stop"]);
  });

  test("a step that goes in circles has the rest of the plan made anew, which rescues the run", async () => {
    const lost = planOf([
      { step: 1, tool: "read_file", args: { path: "present.txt" } },
      { step: 2, tool: "read_file", args: { path: "missing.txt" }, depends_on: [1] },
    ]);
    const rescue = planOf([{ step: 1, tool: "read_file", args: { path: "second.txt" } }]);
    const models = await armMind("rescued", {
      ...fixingMind(),
      planner: {
        rules: [
          { when: { input: "went in circles" }, reply: { output: rescue.plan } },
          { when: {}, reply: { output: lost.plan } },
        ],
      },
      executor: {
        rules: [
          {
            when: { input: '"step":1,' },
            reply: { tool_uses: [{ name: "read_file", input: { path: "present.txt" } }] },
          },
          {
            when: { input: '"step":2,' },
            reply: { tool_uses: [{ name: "read_file", input: { path: "missing.txt" } }] },
          },
          {
            when: { input: '"step":3,' },
            reply: { tool_uses: [{ name: "read_file", input: { path: "second.txt" } }] },
          },
        ],
      },
      reviewer: { turns: [{ output: { findings: [], summary: "nothing to say", verdict: "pass" } }] },
    });
    const files = [
      { path: "present.txt", content: "a" },
      { path: "second.txt", content: "b" },
    ];
    const { id } = await start({ task: "Read what there is.", models, files });
    const run = await ended(bob, id);
    const executed = run.children.find(({ agent }) => agent === "executor");
    expect(run.status).toBe("completed");
    expect(executed).toMatchObject({
      status: "completed",
      output: {
        steps: [
          { step: 1, status: "done" },
          { step: 3, status: "done" },
        ],
      },
    });
    const types = (await eventsOf(bob, id)).map(({ type }) => type);
    expect(types).toContain("loop_detected");
    expect(types).toContain("replanned");
  });

  test("cancelled in the middle of a long answer it ends at once", async () => {
    const models = await armMind("slow", talker([{ ...list, delay_ms: 20_000 }]));
    const { id } = await start({ task: "Wait.", agent: "planner", models });
    await runWhen(bob, id, ({ status }) => status === "running", "it runs");
    expect((await bob.send("POST", `/runs/${id}/cancel`, {})).status).toBe(202);
    expect(await ended(bob, id, 8_000)).toMatchObject({ status: "cancelled", reason: { rule: "cancelled-by-person" } });
  });

  test("what a person says reaches the agent before its next answer", async () => {
    const models = await armMind("listener", {
      planner: {
        rules: [
          { when: { last: "use the second file" }, reply: { output: plan } },
          { when: { turn: 0 }, reply: list },
          // Spoken to while it answers this, it hears of it with the result: not the same call, which would be a loop.
          { when: {}, reply: { tool_uses: [{ name: "read_file", input: { path: "b.txt" } }], delay_ms: 3_000 } },
        ],
      },
    });
    const { id } = await start({ task: "Listen.", agent: "planner", models });
    await runWhen(bob, id, ({ steps }) => steps.some(({ tool }) => tool === "list_directory"), "it has begun");
    await underWay(models["planner"] ?? "", 1);
    expect((await bob.send("POST", `/runs/${id}/messages`, { text: "use the second file" })).status).toBe(202);
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
  });
});

describe("steering", () => {
  const tell = async (id: string, what: string, body = {}) =>
    expect((await bob.send("POST", `/runs/${id}/${what}`, body)).status).toBe(202);

  test("reaches an agent whose context was begun anew, and what was said before is not forgotten", async () => {
    const models = await armMind("steered", {
      planner: {
        rules: [
          { when: { last: "take the third way" }, reply: { output: plan } },
          { when: {}, reply: { ...list, delay_ms: 50 } },
        ],
      },
    });
    const { id } = await start({ task: "Go in circles.", agent: "planner", models });
    await runWhen(bob, id, ({ steps }) => steps.length > 0, "it has begun");
    await tell(id, "messages", { text: "mind the gap" });
    await runWhen(bob, id, ({ status }) => status === "paused", "it is paused");
    await tell(id, "messages", { text: "take the third way" });
    await tell(id, "resume");
    expect(await ended(bob, id)).toMatchObject({ status: "completed" });
    const said = await query<{ thread: string; text: string }>(
      "select thread, content::text as text from run_messages where run_id = $1 and role = 'user' order by position",
      [id],
    );
    const anew = said.filter(({ thread }) => thread === "main~2").map(({ text }) => text);
    expect(anew[0]).toContain("mind the gap");
    expect(anew.join()).toContain("take the third way");
  });
});

describe("who may", () => {
  test("without run:create nobody starts a run; without the right to read nobody sees one", async () => {
    const models = await armMind("plain", talker([{ output: plan }]));
    expect(await ask(eve.token, "POST", "/runs", { task: "x", models })).toMatchObject({
      status: 403,
      body: { missing: { permission: "run:create" } },
    });
    const { id } = await start({ task: "Plan.", agent: "planner", models });
    await ended(bob, id);
    for (const path of ["", "/events", "/files", "/permission-requests", "/export", "/stream"])
      expect((await ask(eve.token, "GET", `/runs/${id}${path}`)).status).toBe(404);
    for (const path of ["/cancel", "/pause", "/resume"])
      expect((await ask(eve.token, "POST", `/runs/${id}${path}`, {})).status).toBe(404);
    expect((await ask(organisation.admin.token, "POST", `/runs/${id}/messages`, { text: "hi" })).status).toBe(403);
    const other = await makeOrganisation("elsewhere");
    for (const path of ["", "/events", "/files", "/permission-requests", "/export", "/stream"])
      expect((await ask(other.admin.token, "GET", `/runs/${id}${path}`)).status).toBe(404);
  });

  test("whoever loses the right while a run goes on does nothing more through it", async () => {
    const leaver = await organisation.person("leaver");
    const binding = await organisation.admin.make<{ id: string }>("/bindings", {
      role: "AgentUser",
      ou: organisation.root,
      user: `leaver@${organisation.name}.test`,
    });
    const models = await armMind("leaving", talker([list, { ...list, delay_ms: 1_000 }, { output: plan }]));
    const { id } = await start({ task: "Look around.", agent: "planner", models }, leaver);
    await runWhen(
      leaver,
      id,
      ({ steps }) => steps.some(({ status, tool }) => tool === "list_directory" && status === "success"),
      "a first look",
    );
    expect((await organisation.admin.send("DELETE", `/bindings/${binding.id}`)).status).toBe(200);
    const run = await ended(leaver, id);
    const second = run.steps.filter(({ tool }) => tool === "list_directory")[1];
    expect(second).toMatchObject({ status: "refused" });
  });

  test("the same key gives the same run; with another body it is refused", async () => {
    const models = await armMind("keyed", talker([{ output: plan }]));
    const input = { task: "Plan.", agent: "planner", models };
    const headers = { "Idempotency-Key": `run-${organisation.name}` };
    const first = await bob.send("POST", "/runs", input, headers);
    const again = await bob.send("POST", "/runs", input, headers);
    expect(again.body["id"]).toBe(first.body["id"]);
    expect((await bob.send("POST", "/runs", { ...input, task: "Other." }, headers)).status).toBe(422);
  });
});
