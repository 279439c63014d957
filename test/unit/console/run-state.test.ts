import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { marksOf, stepsOf } from "../../../console/pages/runs/plan.ts";
import { openRunState, type RunNews, type RunState } from "../../../console/pages/runs/run-state.ts";
import { runStateAfter } from "../../../console/pages/runs/run-state-after.ts";

const root = "root";
const at = "2026-11-21T12:00:00.000Z";
let position = 0;

function event(type: string, payload: Record<string, unknown> = {}, run = root): RunNews {
  position += 1;
  return { kind: "event", event: { position, run_id: run, type, payload, at } };
}

const words = (text: string, run = root, thread = "main"): RunNews => ({ kind: "words", run, thread, text });
const stateAfter = (...news: RunNews[]): RunState => runStateAfter(openRunState(root), news);
const answered = (tokens: number, more: Record<string, unknown> = {}, run = root) =>
  event("model_answered", { step_id: "main/1", plan_step: null, tokens, tools: [], ...more }, run);

describe("what is known of a run that is watched", () => {
  test("an event heard twice changes nothing", () => {
    const one = answered(100);
    const once = stateAfter(one);
    expect(runStateAfter(once, [one])).toEqual(once);
  });

  test("tokens add up by time, those of subagents too", () => {
    const state = stateAfter(
      event("run_started", { agent: "orchestrator" }),
      answered(100),
      event("subagent_started", { child_run_id: "child", agent: "planner" }),
      event("run_started", { agent: "planner", parent_run_id: root }, "child"),
      answered(50, {}, "child"),
    );
    expect(state.usage.map(({ tokens }) => tokens)).toEqual([100, 150]);
    expect(state.agents.get("child")).toMatchObject({ agent: "planner", status: "running", tokens: 50 });
  });

  test("of a subagent's page, what is above and beside it counts for nothing", () => {
    const state = runStateAfter(openRunState("child"), [
      event("run_started", { agent: "orchestrator" }),
      answered(100),
      event("run_started", { agent: "planner", parent_run_id: root }, "child"),
      event("run_started", { agent: "reviewer", parent_run_id: root }, "beside"),
      answered(70, {}, "beside"),
      answered(50, {}, "child"),
    ]);
    expect(state.usage.map(({ tokens }) => tokens)).toEqual([50]);
    expect([...state.agents.keys()]).toEqual(["child"]);
    expect(state.heard).toBe(6);
  });

  test("steps of a plan wait, run and are done as their events say", () => {
    const call = { step_id: "step-1/1.1", tool: "write_file", plan_step: 1 };
    const asked = stateAfter(
      answered(10, { plan_step: 1 }),
      event("permission_requested", { ...call, request_id: "p" }),
    );
    expect(asked.agents.get(root)?.plan.get(1)).toEqual({ mark: "waiting", tokens: 10 });
    expect(asked.agents.get(root)?.status).toBe("waiting");
    const done = runStateAfter(asked, [
      event("permission_approved", call),
      event("run_step", { ...call, status: "success" }),
    ]);
    expect(done.agents.get(root)?.plan.get(1)?.mark).toBe("done");
    expect(done.agents.get(root)?.status).toBe("running");
  });

  test("a permission's step is known by its id where the event names no step of the plan", () => {
    const state = stateAfter(event("permission_requested", { step_id: "step-7/1.1", tool: "write_file" }));
    expect(state.agents.get(root)?.plan.get(7)?.mark).toBe("waiting");
  });

  test("a run that has failed has nothing open", () => {
    const state = stateAfter(
      answered(10, { plan_step: 1 }),
      words("and then"),
      event("run_failed", { status: "cancelled", reason: "enough" }),
    );
    expect(state.agents.get(root)).toMatchObject({ status: "cancelled" });
    expect(state.agents.get(root)?.plan.get(1)?.mark).toBe("failed");
    expect(state.speaking.size).toBe(0);
  });

  test("words grow until their thread has answered, and those of other threads stay", () => {
    const speaking = stateAfter(words("Let "), words("me"), words("Two", root, "step-2"));
    expect([...speaking.speaking.values()].map(({ text }) => text)).toEqual(["Let me", "Two"]);
    const silent = runStateAfter(speaking, [answered(5)]);
    expect([...silent.speaking.values()].map(({ thread }) => thread)).toEqual(["step-2"]);
  });

  test("alerts outlive any number of other events", () => {
    const state = stateAfter(
      event("budget_warning", { unit: "tokens", percent: 70, cap: 1000 }),
      ...Array.from({ length: 5_000 }, () => answered(1)),
    );
    expect(state.alerts.map(({ text }) => text)).toEqual(["70 % of the budget is used (tokens of 1,000)"]);
    expect(state.log.length).toBeLessThanOrEqual(400);
    expect(state.usage.length).toBeLessThanOrEqual(400);
    expect(state.usage.at(-1)?.tokens).toBe(5_000);
    expect(state.heard).toBe(5_001);
  });

  test("what was used long ago is kept as finely as what was used just now", () => {
    const begun = Date.parse(at);
    let state = openRunState(root);
    for (let batch = 0; batch < 100; batch += 1) {
      const news = Array.from({ length: 40 }, (_, index) => {
        const one = answered(1);
        if (one.kind === "event") one.event.at = new Date(begun + (batch * 40 + index) * 100).toISOString();
        return one;
      });
      state = runStateAfter(state, news);
    }
    const gaps = state.usage.slice(2).map((point, index) => point.at - (state.usage[index + 1]?.at ?? 0));
    expect(state.usage.length).toBeGreaterThan(150);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * state.usageEveryMs);
    expect(state.usage.at(-1)?.tokens).toBe(4_000);
  });

  test("an event nobody knows is a line, and its payload may be anything", () => {
    expect(stateAfter(event("moon_rose", { reason: "<b>late</b>" })).log[0]?.text).toBe("moon rose: <b>late</b>");
    const odd = { kind: "event" as const, event: { position: 1e6, run_id: root, type: "run_step", payload: null, at } };
    expect(stateAfter(odd).log).toHaveLength(1);
  });

  test("batches are cut anywhere: what is known in the end is the same", () => {
    const news = [
      event("run_started", { agent: "executor" }),
      words("a"),
      answered(10, { plan_step: 1 }),
      event("permission_requested", { step_id: "step-1/1.1", tool: "t" }),
      words("b", root, "step-2"),
      event("permission_denied", { step_id: "step-1/1.1", tool: "t", reason: "no" }),
      event("loop_detected", { level: "warn", pattern: "same", tool: "t", times: 3 }),
      answered(20, { plan_step: 2, final: true }),
      event("run_completed", { status: "completed", reason: "done" }),
    ];
    const whole = stateAfter(...news);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: news.length }), fc.integer({ min: 0, max: news.length }), (one, other) => {
        const [first, second] = one < other ? [one, other] : [other, one];
        const parts = [news.slice(0, first), news.slice(first, second), news.slice(second)];
        expect(parts.reduce(runStateAfter, openRunState(root))).toEqual(whole);
      }),
    );
  });
});

describe("a plan", () => {
  const plan = {
    steps: [
      { step: 1, description: "look", tool: "read_file", args: { path: "a" }, expected_output: "text", depends_on: [] },
      { step: 2, description: "write", tool: "write_file", args: {}, expected_output: "", depends_on: [1] },
      { step: 3, description: "test", tool: "execute_command", args: {}, expected_output: "", depends_on: [2] },
    ],
  };

  test.each([null, undefined, 7, "plan", {}, { steps: "none" }, { steps: [null, 1, { step: "one" }] }])(
    "%j has no steps",
    (value) => {
      expect(stepsOf(value)).toEqual([]);
    },
  );

  test("its steps stand as was heard, and in the end as the output says", () => {
    const steps = stepsOf(plan);
    const heard = new Map([[1, { mark: "running" as const, tokens: 40 }]]);
    const live = marksOf(steps, heard, null, [{ plan_step: 2, status: "running" }]);
    expect([...live.values()].map(({ mark }) => mark)).toEqual(["running", "running", "queued"]);
    const over = marksOf(steps, heard, {
      steps: [
        { step: 1, status: "done" },
        { step: 2, status: "failed" },
        { step: 3, status: "skipped" },
      ],
    });
    expect([...over.values()].map(({ mark }) => mark)).toEqual(["done", "failed", "skipped"]);
    expect(over.get(1)?.tokens).toBe(40);
  });
});
