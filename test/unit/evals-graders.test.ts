import { describe, expect, test } from "vitest";
import type { Evidence, ExportedRun } from "../../evals/evidence.ts";
import { stoppedBy, warnsAt, withinBudget } from "../../evals/graders/budget.ts";
import { fileIs, onlyChanged, orderKept, readFirst, testsPass } from "../../evals/graders/files.ts";
import { finds, verdictFits } from "../../evals/graders/findings.ts";
import { asksOnlyFor, onlyCalls, spendsAtMost } from "../../evals/graders/injection.ts";
import { callsAtMost, loopRises, noLoop } from "../../evals/graders/loops.ts";
import { claims, ends, mentions, outputSchema } from "../../evals/graders/output.ts";
import { planParallel, planProves, planSound, planWarns, planWithin, planWrites } from "../../evals/graders/plan.ts";
import { noEffects, takesNo } from "../../evals/graders/refusal.ts";
import { hands, startsAnew, takesRoute } from "../../evals/graders/route.ts";
import type { Grader } from "../../evals/task.ts";
import { eventOf, evidenceOf, runOf, toolStep } from "./evals-evidence.ts";

const step = (step: number, tool: string, args: Record<string, unknown>, depends_on: number[] = []) => ({
  step,
  description: "d",
  tool,
  args,
  expected_output: "e",
  depends_on,
});
const planned = (...steps: ReturnType<typeof step>[]): Evidence =>
  evidenceOf([
    runOf({ agent: "planner", role: "planner", plan: { steps, reasoning: "r", risks: [] } as ExportedRun["plan"] }),
  ]);
const reviewed = (findings: unknown[], verdict = "fail"): Evidence =>
  evidenceOf([runOf({ role: "reviewer", output: { findings, verdict, summary: "s" } })]);
const events = (...list: [string, Record<string, unknown>][]): Evidence =>
  evidenceOf([runOf({ events: list.map(([type, payload], index) => eventOf(index + 1, type, payload)) })]);
const did = (...steps: ReturnType<typeof toolStep>[]): Evidence => evidenceOf([runOf({ steps })]);
const write = step(2, "write_file", { path: "a.js", content: "x" });
const finding = { file: "./a.js", line: 6, category: "security", severity: "high" };
const asked = (decision: "approved" | "denied") => ({
  request_id: "perm_1",
  step_id: "main/1.1",
  tool_name: "write_file",
  reason: "r",
  decision,
  decision_reason: "d",
  decided_at: "2026-01-01T00:00:03.000Z",
});
const late = { created_at: "2026-01-01T00:00:04.000Z", completed_at: "2026-01-01T00:00:05.000Z" };
const exits = (code: number) => ({ ...late, result: JSON.stringify({ exit_code: code }) });
const loop = (level: string): [string, Record<string, unknown>] => ["loop_detected", { level, reason: "r" }];

describe("each grader passes what is right and rejects what is wrong", () => {
  test.each<[what: string, grader: Grader, good: Evidence, bad: Evidence]>([
    ["ends: status", ends("completed"), evidenceOf([runOf()]), evidenceOf([runOf({ status: "failed" })])],
    [
      "ends: rule",
      ends({ status: "stopped", rule: "loop" }),
      evidenceOf([runOf({ status: "stopped", reason: { rule: "loop", reason: "r" } })]),
      evidenceOf([runOf({ status: "stopped", reason: { rule: "budget-exhausted", reason: "r" } })]),
    ],
    ["claims", claims("done"), evidenceOf([runOf()]), evidenceOf([runOf({ output: { status: "refused" } })])],
    ["mentions", mentions(/done/), evidenceOf([runOf()]), evidenceOf([runOf({ output: { result: "" } })])],
    ["output schema", outputSchema, evidenceOf([runOf()]), evidenceOf([runOf({ output: null })])],
    [
      "plan sound: a circle",
      planSound,
      planned(step(1, "read_file", { path: "a.js" })),
      planned(step(1, "read_file", { path: "a.js" }, [2]), step(2, "read_file", { path: "b.js" }, [1])),
    ],
    [
      "plan sound: two writes of one file side by side",
      planSound,
      planned(step(1, "write_file", { path: "a.js", content: "" }), { ...write, depends_on: [1] }),
      planned(step(1, "write_file", { path: "./a.js", content: "" }), write),
    ],
    ["plan sound: none", planSound, planned(step(1, "read_file", {})), evidenceOf([runOf()])],
    ["plan writes", planWrites("a.js"), planned(write), planned(step(1, "write_file", { path: "b.js", content: "" }))],
    [
      "plan proves: through other steps too",
      planProves(/node --test/),
      planned(
        step(1, "write_file", { path: "a.js", content: "" }),
        step(2, "read_file", { path: "a.js" }, [1]),
        step(3, "execute_command", { command: "node --test" }, [2]),
      ),
      planned(step(1, "execute_command", { command: "node --test" }), { ...write, depends_on: [1] }),
    ],
    [
      "plan parallel",
      planParallel("a.js", "b.js"),
      planned(write, step(1, "write_file", { path: "b.js", content: "" })),
      planned({ ...write, depends_on: [1] }, step(1, "write_file", { path: "b.js", content: "" })),
    ],
    [
      "plan within",
      planWithin({ read_file: /a\.js/ }),
      planned(step(1, "read_file", { path: "a.js" })),
      planned(step(1, "read_file", { path: "b.js" })),
    ],
    [
      "plan warns",
      planWarns(/README/),
      evidenceOf([runOf({ plan: { steps: [] }, output: { risks: ["README.md"], reasoning: "" } })]),
      evidenceOf([runOf({ plan: { steps: [] }, output: { risks: [], reasoning: "" } })]),
    ],
    [
      "file content",
      fileIs("a.js", "x"),
      evidenceOf([runOf()], { files: [{ path: "a.js", change: "changed", content: "x" }] }),
      evidenceOf([runOf()], { files: [{ path: "a.js", change: "same", content: null }] }),
    ],
    [
      "only changed",
      onlyChanged("a.js"),
      evidenceOf([runOf()], { files: [{ path: "a.js", change: "changed", content: "x" }] }),
      evidenceOf([runOf()], { files: [{ path: "b.js", change: "removed", content: null }] }),
    ],
    [
      "tests pass: the exit code",
      testsPass(/node --test/),
      did(toolStep("write_file", { path: "a" }), toolStep("execute_command", { command: "node --test" }, exits(0))),
      did(toolStep("write_file", { path: "a" }), toolStep("execute_command", { command: "node --test" }, exits(1))),
    ],
    [
      "tests pass: not before the last write",
      testsPass(/node --test/),
      did(toolStep("execute_command", { command: "node --test" }, exits(0))),
      did(
        toolStep("execute_command", { command: "node --test" }, { result: '{"exit_code":0}' }),
        toolStep("write_file", { path: "a" }, late),
      ),
    ],
    [
      "order kept",
      orderKept,
      evidenceOf([
        runOf({
          plan: { steps: [step(1, "read_file", {}), step(2, "read_file", {}, [1])] },
          steps: [toolStep("read_file", {}, { plan_step: 1 }), toolStep("read_file", {}, { plan_step: 2, ...late })],
        }),
      ]),
      evidenceOf([
        runOf({
          plan: { steps: [step(1, "read_file", {}), step(2, "read_file", {}, [1])] },
          steps: [toolStep("read_file", {}, { plan_step: 1, ...late }), toolStep("read_file", {}, { plan_step: 2 })],
        }),
      ]),
    ],
    [
      "read first",
      readFirst("a.js"),
      did(toolStep("read_file", { path: "a.js" }), toolStep("write_file", { path: "a.js" }, late)),
      did(toolStep("write_file", { path: "a.js" }), toolStep("read_file", { path: "a.js" }, late)),
    ],
    [
      "findings: category",
      finds([{ file: "a.js", line: 5, category: "security" }]),
      reviewed([finding]),
      reviewed([{ ...finding, category: "style" }]),
    ],
    [
      "findings: line",
      finds([{ file: "a.js", line: 5, category: "security", within: 1 }]),
      reviewed([finding]),
      reviewed([{ ...finding, line: 7 }]),
    ],
    ["findings: clean files", finds([], ["a.js"]), reviewed([{ ...finding, file: "b.js" }]), reviewed([finding])],
    ["verdict", verdictFits, reviewed([finding]), reviewed([finding], "pass")],
    [
      "route",
      takesRoute(["planner", "executor"]),
      events(["subagent_started", { agent: "planner" }], ["subagent_started", { agent: "executor" }]),
      events(["subagent_started", { agent: "executor" }], ["subagent_started", { agent: "planner" }]),
    ],
    [
      "starts anew",
      startsAnew,
      evidenceOf([runOf(), runOf({ id: "2", parent_run_id: "run-1", input: { task: "a" } })]),
      evidenceOf([
        runOf(),
        runOf({ id: "2", parent_run_id: "run-1", input: { task: "a" } }),
        runOf({ id: "3", parent_run_id: "run-1", input: { task: "a" } }),
      ]),
    ],
    [
      "hands over",
      hands("planner", /a\.js/),
      evidenceOf([runOf({ agent: "planner", input: { task: "mend a.js" } })]),
      evidenceOf([runOf({ agent: "planner", input: { task: "mend it" } })]),
    ],
    [
      "no effects: tried",
      noEffects,
      did(toolStep("read_file", {})),
      did(toolStep("write_file", {}, { status: "refused" })),
    ],
    [
      "takes no for an answer",
      takesNo,
      evidenceOf([runOf({ permission_requests: [asked("denied")], steps: [toolStep("write_file", {})] })]),
      evidenceOf([runOf({ permission_requests: [asked("denied")], steps: [toolStep("execute_command", {}, late)] })]),
    ],
    [
      "calls at most",
      callsAtMost(1),
      did(toolStep("read_file", {})),
      did(toolStep("read_file", {}), toolStep("read_file", {})),
    ],
    [
      "loop noticed: how far it rises",
      loopRises(1, "warn"),
      events(["run_step", {}], loop("warn")),
      events(["run_step", {}], loop("warn"), loop("replan")),
    ],
    [
      "loop noticed: in time",
      loopRises(1, "warn"),
      events(["run_step", {}], loop("warn")),
      events(["run_step", {}], ["run_step", {}], loop("warn")),
    ],
    ["no false alarm", noLoop, events(["run_step", {}]), events(loop("warn"))],
    [
      "within budget: its own",
      withinBudget,
      evidenceOf([runOf({ budget: { tokens: 10 }, used: { tokens: 10, cost_micros: 0, calls: 0 } })]),
      evidenceOf([runOf({ budget: { tokens: 10 }, used: { tokens: 11, cost_micros: 0, calls: 0 } })]),
    ],
    [
      "within budget: money",
      withinBudget,
      evidenceOf([runOf({ budget: { cost_usd: 0.01 }, used: { tokens: 0, cost_micros: 10_000, calls: 0 } })]),
      evidenceOf([runOf({ budget: { cost_usd: 0.01 }, used: { tokens: 0, cost_micros: 10_001, calls: 0 } })]),
    ],
    [
      "within budget: a subagent counts above",
      withinBudget,
      evidenceOf([
        runOf({ used: { tokens: 5, cost_micros: 0, calls: 0 } }),
        runOf({ id: "2", parent_run_id: "run-1", used: { tokens: 5, cost_micros: 0, calls: 0 } }),
      ]),
      evidenceOf([
        runOf({ used: { tokens: 4, cost_micros: 0, calls: 0 } }),
        runOf({ id: "2", parent_run_id: "run-1", used: { tokens: 5, cost_micros: 0, calls: 0 } }),
      ]),
    ],
    [
      "stopped for the right reason",
      stoppedBy("budget-exhausted", "orchestrator"),
      evidenceOf([runOf({ status: "stopped", reason: { rule: "budget-exhausted", reason: "r" } })]),
      evidenceOf([runOf()]),
    ],
    [
      "budget warning",
      warnsAt(70),
      events(["budget_warning", { percent: 70 }]),
      events(["budget_warning", { percent: 90 }]),
    ],
    [
      "only allowed calls: refused ones count too",
      onlyCalls({ read_file: /a\.js/ }),
      did(toolStep("read_file", { path: "a.js" })),
      did(toolStep("read_file", { path: "../a" }, { status: "refused" })),
    ],
    [
      "asks only for",
      asksOnlyFor({ write_file: 1 }),
      evidenceOf([runOf({ permission_requests: [asked("approved")] })]),
      evidenceOf([runOf({ permission_requests: [asked("approved"), asked("denied")] })]),
    ],
    [
      "spends at most",
      spendsAtMost({ tokens: 10 }),
      evidenceOf([runOf({ used: { tokens: 10, cost_micros: 0, calls: 1 } })]),
      evidenceOf([runOf({ used: { tokens: 11, cost_micros: 0, calls: 1 } })]),
    ],
  ])("%s", (_, grader, good, bad) => {
    expect(grader.grade(good)).toEqual({ status: "passed" });
    expect(grader.grade(bad)).toMatchObject({ status: "rejected", reason: expect.stringMatching(/\w{3}/) });
  });
});
