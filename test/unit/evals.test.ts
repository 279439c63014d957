import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Baseline, driftOf, unknownTo, updated } from "../../evals/drift.ts";
import { measure, rolesBelowGate, totalsBy, totalsByModel } from "../../evals/metrics.ts";
import { readOptions, shortForm } from "../../evals/options.ts";
import { faultsOf, type Report, renderReport, reportAsJson } from "../../evals/report.ts";
import type { Outcome } from "../../evals/suite.ts";
import { kinds, roles, type Task } from "../../evals/task.ts";
import { allTasks } from "../../evals/tasks/all.ts";
import { mindSchema } from "../../simulator/messages/scripted/script.ts";
import { runOf, toolStep } from "./evals-evidence.ts";

const baseline = JSON.parse(readFileSync(new URL("../../evals/baseline.json", import.meta.url), "utf8")) as Baseline;
const [first] = allTasks;

function ran(status: "passed" | "failed", tokens: number, over: Partial<Task> = {}): Outcome {
  const task = { ...(first as Task), ...over };
  const used = { tokens, cost_micros: tokens * 2, calls: 1 };
  const measured = measure([runOf({ used, model: "mind-7" })], 2);
  return {
    status,
    task,
    measured,
    failures: status === "passed" ? [] : [{ grader: "plan sound", reason: "a circle" }],
  };
}

const reportOf = (over: Partial<Report>): Report => ({
  minds: "scripted minds (no language model)",
  outcomes: [],
  broken: [],
  drift: [],
  tolerance: 2,
  unknown: [],
  audited: true,
  seconds: 1,
  ...over,
});

describe("the suite", () => {
  test("has tasks of every kind and role, each with a name of its own and what it checks in a sentence", () => {
    expect(allTasks.length).toBeGreaterThanOrEqual(32);
    expect(new Set(allTasks.map(({ id }) => id)).size).toBe(allTasks.length);
    for (const kind of kinds)
      expect(allTasks.filter((task) => task.kind === kind).length, kind).toBeGreaterThanOrEqual(3);
    for (const role of roles)
      expect(allTasks.filter((task) => task.role === role).length, role).toBeGreaterThanOrEqual(5);
    for (const { id, checks } of allTasks) expect(checks, id).toMatch(/^[A-Z].{20,}\.$/);
    for (const id of shortForm) expect(allTasks.map((task) => task.id)).toContain(id);
  });

  test.each(allTasks.map((task) => [task.id, task] as const))(
    "%s has minds that the stand-in takes, and broken ones for graders of its own",
    (_, { mind, broken, graders }) => {
      expect(broken.length).toBeGreaterThan(0);
      for (const roles of [mind, ...broken.map((one) => one.mind)])
        expect(mindSchema.safeParse({ name: "mind-x", roles }).error).toBeUndefined();
      for (const { rejectedBy } of broken) expect(graders.map(({ name }) => name)).toContain(rejectedBy);
    },
  );

  test("has a baseline for each of its tasks and for no other", () => {
    expect(Object.keys(baseline.tasks).sort()).toEqual(allTasks.map(({ id }) => id).sort());
    expect(baseline.minds).toBe("scripted minds");
  });
});

describe("drift", () => {
  const id = first?.id ?? "";
  const before: Baseline = {
    minds: "scripted minds",
    tasks: { [id]: { tokens: 100, cost_micros: 200, calls: 1, steps: 0 } },
  };

  test.each([
    [100, 0, false],
    [102, 2, false],
    [103, 3, true],
    [97, -3, true],
  ])("of %i tokens against 100 is %i %%, beyond the tolerance: %s", (now, percent, beyond) => {
    expect(driftOf(before, [ran("passed", now)])).toMatchObject([
      { unit: "tokens", percent, beyond },
      { unit: "cost_micros", percent, beyond },
    ]);
  });

  test("from nothing is all of it", () => {
    const nothing: Baseline = {
      minds: "scripted minds",
      tasks: { [id]: { tokens: 0, cost_micros: 0, calls: 0, steps: 0 } },
    };
    expect(driftOf(nothing, [ran("passed", 7)])).toMatchObject([{ percent: 100, beyond: true }, { beyond: true }]);
    expect(driftOf(nothing, [ran("passed", 0)])).toMatchObject([{ percent: 0, beyond: false }, { beyond: false }]);
  });

  test("is not asked of a task that ends by the clock", () => {
    const run = { task: "t", budget: { wall_seconds: 2 } };
    expect(driftOf(before, [ran("passed", 1, { run })])).toEqual([]);
  });

  test("is none against a baseline that was just taken", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), (tokens) => {
        const outcomes = [ran("passed", tokens)];
        expect(driftOf(updated(before, outcomes), outcomes).every(({ percent }) => percent === 0)).toBe(true);
      }),
    );
  });

  test("a failed or skipped task leaves the baseline as it is, and a new one is named", () => {
    const skipped: Outcome = { status: "skipped", task: { ...(first as Task), id: "other" }, reason: "r" };
    expect(updated(before, [ran("failed", 7), skipped])).toEqual(before);
    expect(unknownTo(before, [ran("passed", 7, { id: "new" }), skipped])).toEqual(["new"]);
  });
});

describe("metrics", () => {
  test("give each run its own share, and name scripted minds for what they are", () => {
    const root = runOf({ used: { tokens: 30, cost_micros: 3, calls: 3 }, model: "mind-1" });
    const child = runOf({
      id: "run-2",
      parent_run_id: "run-1",
      model: "claude-x",
      used: { tokens: 20, cost_micros: 2, calls: 2 },
      steps: [toolStep("read_file", {})],
    });
    expect(measure([root, child], 1)).toMatchObject({
      tokens: 30,
      cost_micros: 3,
      calls: 3,
      steps: 1,
      shares: [
        { model: "scripted minds", tokens: 10 },
        { model: "claude-x", tokens: 20 },
      ],
    });
    const outcome: Outcome = {
      status: "passed",
      task: first as Task,
      failures: [],
      measured: measure([root, child], 1),
    };
    expect(totalsByModel([outcome]).get("claude-x")).toMatchObject({ tasks: 1, passed: 1, tokens: 20 });
  });

  test("the gate is four of five in every role", () => {
    const good = Array.from({ length: 4 }, () => ran("passed", 1));
    expect(rolesBelowGate([...good, ran("failed", 1)])).toEqual([]);
    expect(rolesBelowGate([...good.slice(1), ran("failed", 1)])).toEqual([first?.role]);
    expect(totalsBy([...good, ran("failed", 1)], "kind").get(first?.kind ?? "")).toMatchObject({ tasks: 5, passed: 4 });
  });
});

describe("the report", () => {
  test("says who answered, what failed and why", () => {
    const report = reportOf({ outcomes: [ran("passed", 5), ran("failed", 5)] });
    const text = renderReport(report);
    expect(text).toContain("# Evals: scripted minds (no language model)");
    expect(text).toContain("plan sound: a circle");
    expect(text).toMatch(/\*\*Not passed\*\*: 1 of 2 tasks failed; the planner is below 80 %/);
    expect(reportAsJson(report)).toMatchObject({ passed: false, tasks: [{ status: "passed" }, { status: "failed" }] });
  });

  test("a broken mind that passes keeps the suite from passing", () => {
    const [broken] = first?.broken ?? [];
    if (broken === undefined || first === undefined) throw new Error("the first task has a broken mind");
    const report = reportOf({ broken: [{ task: first, broken, status: "wrong", failures: [] }] });
    expect(renderReport(report)).toMatch(/to be rejected by "plan writes"; it passed/);
    expect(faultsOf(report)).toHaveLength(1);
  });

  test("drift beyond the tolerance keeps the suite from passing", () => {
    const drift = [{ task: "t", unit: "tokens" as const, before: 100, now: 120, percent: 20, beyond: true }];
    expect(faultsOf(reportOf({ drift }))).toEqual(["1 tasks drifted by more than 2 %"]);
    expect(renderReport(reportOf({ drift }))).toContain("+20.00 %");
  });
});

describe("the command line", () => {
  test("chooses tasks by id, role and kind", () => {
    expect(readOptions(["--only", "plan-fix,write-exactly"], allTasks).tasks.map(({ id }) => id)).toEqual([
      "plan-fix",
      "write-exactly",
    ]);
    const chosen = readOptions(["--role", "reviewer", "--kind", "injection"], allTasks).tasks;
    expect(chosen.map(({ id }) => id)).toEqual(["injection-in-code"]);
    expect(readOptions(["--scale", "short"], allTasks).tasks).toHaveLength(shortForm.length);
  });

  test("takes models by role for live runs", () => {
    const options = readOptions(
      [
        "--live",
        "--api",
        "http://127.0.0.1:1/",
        "--token",
        "t",
        "--model",
        "planner=claude-a",
        "--model",
        "executor=claude-b",
      ],
      allTasks,
    );
    expect(options.live).toMatchObject({ api: "http://127.0.0.1:1", token: "t" });
    expect(options.models).toEqual({ planner: "claude-a", executor: "claude-b" });
  });

  test.each([
    [["--only", "nothing"], /valid are plan-fix/],
    [["--role", "cook"], /valid are orchestrator/],
    [["--role", "executor", "--kind", "planning"], /no task is left/],
    [["--jobs", "0"], /--jobs/],
    [["--scale", "tiny"], /--scale/],
    [["--live"], /--live needs --api/],
    [["--model", "planner=x"], /go with --live/],
    [["--live", "--api", "u", "--token", "t", "--model", "planner"], /ROLE=MODEL/],
    [["--live", "--api", "u", "--token", "t", "--broken"], /scripted minds/],
    [["--broken", "--update-baseline"], /no baseline/],
  ])("refuses %j, and says what would be valid", (args, message) => {
    expect(() => readOptions(args, allTasks)).toThrow(message);
  });
});
