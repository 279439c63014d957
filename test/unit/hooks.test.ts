import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { builtInHooks, rulesAt } from "../../core/hooks/built-in.ts";
import type { Rule } from "../../core/hooks/outcomes.ts";
import { type OwnRule, ownRules } from "../../core/hooks/own-rules.ts";
import { type HookPoint, hookPoints } from "../../core/hooks/points.ts";
import { runHooks } from "../../core/hooks/run-hooks.ts";
import type {
  CheckedValue,
  Constraint,
  EndSubject,
  LoopView,
  OutputSubject,
  PlanSubject,
  ResultSubject,
  RunView,
  SubjectOf,
  TaskSubject,
  ToolSubject,
} from "../../core/hooks/subjects.ts";

const run: RunView = {
  id: "run",
  agent: "executor",
  role: "executor",
  model: "claude-haiku-5-5",
  mode: "PERMISSION",
  schemaValidation: "strict",
};
const repairing: RunView = { ...run, schemaValidation: "repair" };
const value: CheckedValue = { bytes: 10, digest: "d", faults: [], repaired: false };
const faulty: CheckedValue = { ...value, faults: [{ pointer: "/path", message: "must be text" }] };
const repaired: CheckedValue = { ...value, repaired: true };
const grant = (constraints: Constraint[] = []) => ({
  tools: ["read_file", "write_file", "docs__*"],
  delegates: ["planner"],
  constraints,
});
const tool = { name: "write_file", risk: "high", readOnly: false, delegateTo: null } as const;
const common = { run, budget: [], answeredBy: "claude-haiku-5-5" };

const task = (more: Partial<TaskSubject> = {}): TaskSubject => ({
  run,
  budget: [],
  input: value,
  lease: { ok: true },
  ...more,
});
const plan = (more: Partial<PlanSubject> = {}): PlanSubject => ({
  ...common,
  plan: { steps: 3, tools: ["read_file"], faults: [] },
  grant: grant([{ type: "max_steps", value: 3 }]),
  ...more,
});
const call = (more: Partial<ToolSubject> = {}): ToolSubject => ({
  ...common,
  tool,
  arguments: value,
  contextHash: "c",
  paths: ["src/a.ts"],
  grant: grant(),
  callsMade: 0,
  lease: { ok: true },
  ...more,
});
const result = (more: Partial<ResultSubject> = {}): ResultSubject => ({
  run,
  budget: [],
  tool,
  result: { ...value, error: false },
  alerts: [],
  loop: { level: "none", reason: "" },
  ...more,
});
const output = (more: Partial<OutputSubject> = {}): OutputSubject => ({
  ...common,
  output: value,
  coherence: null,
  ...more,
});
const end = (): EndSubject => ({
  run,
  budget: [],
  end: { status: "completed", rule: "done", reason: "done", calls: 3 },
});
const subjects: { [P in HookPoint]: SubjectOf<P> } = {
  on_task_received: task(),
  on_plan: plan(),
  before_tool: call(),
  after_tool: result(),
  before_finalize: output(),
  on_terminate: end(),
};

/** `pass`, or `kind rule: why`. */
function said<P extends HookPoint>(point: P, subject: SubjectOf<P>): string {
  const outcome = runHooks(point, builtInHooks[point], subject);
  if (outcome.kind === "refuse" || outcome.kind === "abort")
    return `${outcome.kind} ${outcome.rule}: ${outcome.reason}`;
  if (outcome.kind === "ask")
    return `ask ${outcome.questions.map(({ rule, question }) => `${rule}: ${question}`).join()}`;
  return "pass";
}

test("the order of our rules is fixed", () => {
  const names = Object.fromEntries(hookPoints.map((point) => [point, builtInHooks[point].map(({ name }) => name)]));
  expect(names).toEqual({
    on_task_received: ["lease-valid", "input-valid"],
    on_plan: ["model-locked", "plan-sound"],
    before_tool: ["model-locked", "tool-allowed", "lease-valid", "arguments-valid"],
    after_tool: ["result-valid", "low-budget-alert", "loop-verdict"],
    before_finalize: ["model-locked", "output-valid", "output-coherent"],
    on_terminate: [],
  });
});

test("a point that is not enabled still guards rights, budgets and runaways", () => {
  const names = (point: HookPoint) => rulesAt(point, [], []).map((rule) => rule.name);
  expect(hookPoints.map(names)).toEqual([
    ["lease-valid"],
    ["model-locked", "plan-sound"],
    ["model-locked", "tool-allowed", "lease-valid"],
    ["low-budget-alert", "loop-verdict"],
    ["model-locked"],
    [],
  ]);
});

describe("at the task", () => {
  test.each<[string, Partial<TaskSubject>, string]>([
    ["nothing is wrong", {}, "pass"],
    ["no lease", { lease: { ok: false, reason: "expired" } }, "refuse lease-valid: the lease does not hold: expired"],
    ["a faulty input", { input: faulty }, "refuse input-valid: the input does not fit its schema: /path: must be text"],
    [
      "a repaired input, strictly",
      { input: repaired },
      "refuse input-valid: the input fits its schema only when repaired, and the definition is strict",
    ],
    ["a repaired input", { input: repaired, run: repairing }, "pass"],
    [
      "still faulty after a repair",
      { input: { ...faulty, repaired: true }, run: repairing },
      "refuse input-valid: the input does not fit its schema: /path: must be text",
    ],
  ])("%s", (_what, more, expected) => expect(said("on_task_received", task(more))).toBe(expected));
});

describe("at the plan", () => {
  test.each<[string, Partial<PlanSubject>, string]>([
    ["nothing is wrong", {}, "pass"],
    [
      "a fault",
      { plan: { steps: 1, tools: [], faults: [{ pointer: "/steps/0", message: "depends on itself" }] } },
      "refuse plan-sound: the plan is not sound: /steps/0: depends on itself",
    ],
    [
      "a step too many",
      { plan: { steps: 4, tools: [], faults: [] } },
      "refuse plan-sound: the plan has 4 steps; at most 3 are allowed",
    ],
    [
      "another model",
      { answeredBy: "claude-opus-5-5" },
      "abort model-locked: the run is bound to claude-haiku-5-5, and claude-opus-5-5 answered",
    ],
    ["the same model by its dated id", { answeredBy: "claude-haiku-5-5-20260901" }, "pass"],
  ])("%s", (_what, more, expected) => expect(said("on_plan", plan(more))).toBe(expected));
});

describe("before a tool", () => {
  const only = (...paths: string[]) => grant([{ type: "path_constraint", paths }]);
  const named = (name: string, more: object = {}) => ({ ...tool, name, ...more });
  test.each<[string, Partial<ToolSubject>, string]>([
    ["nothing is wrong", {}, "pass"],
    ["a tool of a listed server", { tool: named("docs__search") }, "pass"],
    [
      "a tool of another",
      { tool: named("docsx__search") },
      "refuse tool-allowed: the definition does not list the tool `docsx__search`; it lists read_file, write_file, docs__*",
    ],
    ["a listed delegate", { tool: named("delegate", { delegateTo: "planner" }) }, "pass"],
    [
      "another delegate",
      { tool: named("delegate", { delegateTo: "reviewer" }) },
      "refuse tool-allowed: the definition does not let its agent start `reviewer`; it lists planner",
    ],
    [
      "a writer that may only read",
      { grant: grant([{ type: "read_only" }]) },
      "refuse tool-allowed: the agent may only read, and `write_file` is no read",
    ],
    [
      "a reader that may only read",
      { grant: grant([{ type: "read_only" }]), tool: named("read_file", { readOnly: true }) },
      "pass",
    ],
    ["the last of three calls", { grant: grant([{ type: "max_steps", value: 3 }]), callsMade: 2 }, "pass"],
    [
      "a fourth",
      { grant: grant([{ type: "max_steps", value: 3 }]), callsMade: 3 },
      "refuse tool-allowed: the agent has used up its 3 tool calls",
    ],
    ["a path within", { grant: only("src") }, "pass"],
    ["a path within one of two", { grant: only("docs", "./src/") }, "pass"],
    ["any path in the workspace", { grant: only("."), paths: ["a", "./b/c"] }, "pass"],
    ["a path beside", { grant: only("src"), paths: ["srcs/a"] }, "refuse tool-allowed: `srcs/a` is outside of src"],
    ["one path of two", { grant: only("src"), paths: ["src/a", "b"] }, "refuse tool-allowed: `b` is outside of src"],
    ["a path upwards", { grant: only("."), paths: ["a/../../b"] }, "refuse tool-allowed: `a/../../b` is outside of ."],
    [
      "an absolute path",
      { grant: only("."), paths: ["/etc/passwd"] },
      "refuse tool-allowed: `/etc/passwd` is outside of .",
    ],
    [
      "no lease",
      { lease: { ok: false, reason: "no calls left" } },
      "refuse lease-valid: the lease does not hold: no calls left",
    ],
    ["a tool that needs none", { lease: null }, "pass"],
    [
      "faulty arguments",
      { arguments: faulty },
      "refuse arguments-valid: the input of `write_file` does not fit its schema: /path: must be text",
    ],
    [
      "another model before all else",
      { answeredBy: "x", arguments: faulty, lease: { ok: false, reason: "" } },
      "abort model-locked: the run is bound to claude-haiku-5-5, and x answered",
    ],
  ])("%s", (_what, more, expected) => expect(said("before_tool", call(more))).toBe(expected));
});

describe("after a tool", () => {
  const loop = (level: LoopView["level"]) => ({ loop: { level, reason: "the same call 3 times" } });
  test.each<[string, Partial<ResultSubject>, string]>([
    ["nothing is wrong", {}, "pass"],
    [
      "a faulty result",
      { result: { ...faulty, error: false } },
      "refuse result-valid: the result of `write_file` does not fit its schema: /path: must be text",
    ],
    ["an error, whose form is free", { result: { ...faulty, error: true } }, "pass"],
    ["a warning", loop("warn"), "pass"],
    [
      "a pause",
      loop("pause"),
      "ask loop-verdict: The agent goes round in circles (the same call 3 times). Shall it go on?",
    ],
    ["a stop", loop("stop"), "abort loop-verdict: the agent goes round in circles: the same call 3 times"],
  ])("%s", (_what, more, expected) => expect(said("after_tool", result(more))).toBe(expected));

  test("alerts of the budget are passed on, and change nothing", () => {
    const alerts = [{ node: "root", unit: "tokens", percent: 70 }] as const;
    const outcome = runHooks("after_tool", builtInHooks.after_tool, result({ alerts }));
    expect(outcome.kind).toBe("pass");
    expect(outcome.events).toEqual([
      { point: "after_tool", rule: "low-budget-alert", kind: "note", event: { type: "budget_warning", alerts } },
    ]);
  });
});

describe("before the end", () => {
  const incoherent = (strictness: "repair" | "reject") => ({ coherence: { faults: ["names no file"], strictness } });
  test.each<[string, Partial<OutputSubject>, string]>([
    ["nothing is wrong", {}, "pass"],
    [
      "a faulty output",
      { output: faulty },
      "refuse output-valid: the output does not fit its schema: /path: must be text",
    ],
    [
      "one that can be mended",
      incoherent("repair"),
      "refuse output-coherent: the output does not hang together: names no file",
    ],
    [
      "one that is rejected",
      incoherent("reject"),
      "abort output-coherent: the output does not hang together: names no file",
    ],
  ])("%s", (_what, more, expected) => expect(said("before_finalize", output(more))).toBe(expected));
});

describe("rules of a definition", () => {
  const own = (rule: string, more: Partial<OwnRule> = {}): OwnRule => ({
    name: "own",
    rule,
    message: "Not here.",
    on_violation: "refuse",
    ...more,
  });
  const ask = (rule: OwnRule, subject = call()) =>
    runHooks("before_tool", rulesAt("before_tool", ["before_tool"], ownRules("before_tool", [rule])), subject);

  test.each<[string, OwnRule, string]>([
    ["holds", own("call.calls_made < 3 && tool.risk == 'high'"), "pass"],
    ["is violated", own("tool.read_only"), "refuse"],
    ["is violated, gravely", own("tool.read_only", { on_violation: "abort" }), "abort"],
    ["is violated, a little", own("tool.read_only", { on_violation: "warn" }), "pass"],
    ["cannot be evaluated", own("args.path == ''", { on_violation: "warn" }), "abort"],
  ])("one that %s", (_what, rule, kind) => expect(ask(rule).kind).toBe(kind));

  test("a warning is recorded with its message", () => {
    expect(ask(own("tool.read_only", { on_violation: "warn" })).events).toMatchObject([
      { rule: "own", kind: "note", event: { type: "rule_warning", message: "Not here." } },
    ]);
  });

  test("come after ours: they see what ours repaired, and nothing that ours refused", () => {
    const seen: boolean[] = [];
    const spy: Rule<ToolSubject> = {
      name: "spy",
      check: (subject) => {
        seen.push(subject.arguments.repaired);
        return { kind: "pass" };
      },
    };
    const rules = rulesAt("before_tool", ["before_tool"], [spy]);
    runHooks("before_tool", rules, call({ run: repairing, arguments: repaired }));
    runHooks("before_tool", rules, call({ arguments: faulty }));
    expect(seen).toEqual([false]);
  });

  test("say whether they look at content, and look at it where it is", () => {
    const rule = own("has(args.path) && args.path.startsWith('src/')");
    expect(ownRules("before_tool", [rule, own("tool.read_only")]).map(({ readsContent }) => readsContent)).toEqual([
      true,
      false,
    ]);
    expect(ask(rule, call({ content: { path: "src/a" } })).kind).toBe("pass");
    expect(ask(rule, call({ content: { path: "etc/a" } })).kind).toBe("refuse");
  });

  test("the budget is per cent, and 0 without a limit", () => {
    const used = call({ budget: [{ unit: "costMicros", percent: 71 }] });
    expect(ask(own("budget.cost > 70.0 && budget.tokens == 0.0 && budget.calls == 0.0"), used).kind).toBe("pass");
  });

  test.each(hookPoints)("what %s declares is there in its subject", (point) => {
    const facts: Record<HookPoint, string> = {
      on_task_received: "run.mode == 'PERMISSION' && budget.tokens == 0.0",
      on_plan: "plan.steps == 3 && plan.tools == ['read_file'] && run.agent == 'executor'",
      before_tool: "call.bytes == 10 && call.paths == ['src/a.ts'] && tool.delegate_to == ''",
      after_tool: "result.bytes == 10 && !result.error && result.digest == 'd'",
      before_finalize: "run.model == 'claude-haiku-5-5' && run.role == 'executor' && run.id == 'run'",
      on_terminate: "end.status == 'completed' && end.calls == 3 && end.reason == end.rule",
    };
    const rules = ownRules(point, [own(facts[point])]);
    expect(runHooks<HookPoint>(point, rules as Rule<SubjectOf<HookPoint>>[], subjects[point]).kind).toBe("pass");
  });

  test("one that does not compile is no rule", () => {
    expect(() => ownRules("before_tool", [own("nope")])).toThrow(/own of before_tool does not compile/);
  });
});

type Made = { kind: "pass" | "repair" | "note" | "ask" | "refuse" | "abort" | "throw"; bytes: number };

/** A rule that does as it is told, and repairs by adding to the size. */
function rule(made: Made, index: number, seen: number[]): Rule<TaskSubject> {
  return {
    name: `rule-${index}`,
    check: (subject) => {
      seen.push(subject.input.bytes);
      const changed = { ...subject, input: { ...subject.input, bytes: subject.input.bytes + made.bytes } };
      switch (made.kind) {
        case "pass":
          return { kind: "pass" };
        case "repair":
          return { kind: "repair", subject: changed, note: "n" };
        case "note":
          return { kind: "note", event: { type: "rule_warning", message: "m" } };
        case "ask":
          return { kind: "ask", question: "q" };
        case "refuse":
        case "abort":
          return { kind: made.kind, reason: "r" };
        case "throw":
          throw new Error("broken");
      }
    },
  };
}

describe("a chain of any rules", () => {
  const made = fc.record({
    kind: fc.constantFrom<Made["kind"][]>("pass", "pass", "repair", "note", "ask", "refuse", "abort", "throw"),
    bytes: fc.nat(9),
  });
  const ends = (kind: string) => kind === "refuse" || kind === "abort" || kind === "throw";

  test("asks in order, hands on what was repaired, and stops at the first no", () => {
    fc.assert(
      fc.property(fc.array(made, { maxLength: 8 }), (all) => {
        const seen: number[] = [];
        const outcome = runHooks(
          "on_task_received",
          all.map((one, index) => rule(one, index, seen)),
          task(),
        );
        const last = all.findIndex(({ kind }) => ends(kind));
        const asked = last === -1 ? all : all.slice(0, last + 1);
        const sizes = [10];
        for (const { kind, bytes } of asked) sizes.push((sizes.at(-1) ?? 0) + (kind === "repair" ? bytes : 0));
        expect(seen).toEqual(sizes.slice(0, -1));
        expect(outcome.subject.input.bytes).toBe(sizes.at(-1));
        expect(outcome.events.map((event) => event.rule)).toEqual(
          asked.flatMap(({ kind }, index) => (kind === "pass" ? [] : [`rule-${index}`])),
        );
        const no = all[last]?.kind;
        const expected = no === "throw" ? "abort" : (no ?? (all.some(({ kind }) => kind === "ask") ? "ask" : "pass"));
        expect(outcome.kind).toBe(expected);
      }),
    );
  });

  test("is the chain of its parts", () => {
    fc.assert(
      fc.property(fc.array(made, { maxLength: 6 }), fc.nat(6), (all, cut) => {
        const rules = all.map((one, index) => rule(one, index, []));
        const whole = runHooks("on_task_received", rules, task());
        const first = runHooks("on_task_received", rules.slice(0, cut), task());
        if (first.kind === "refuse" || first.kind === "abort") {
          expect(whole).toEqual(first);
          return;
        }
        const second = runHooks("on_task_received", rules.slice(cut), first.subject);
        expect(whole.subject).toEqual(second.subject);
        expect(whole.events).toEqual([...first.events, ...second.events]);
      }),
    );
  });

  test("a rule that throws aborts with its message", () => {
    const outcome = runHooks("on_task_received", [rule({ kind: "throw", bytes: 0 }, 0, [])], task());
    expect(outcome).toMatchObject({ kind: "abort", rule: "rule-0", reason: "the rule failed: broken" });
  });

  test("changes nothing that it was given", () => {
    const subject = call({ run: repairing, arguments: repaired });
    const before = structuredClone(subject);
    runHooks("before_tool", builtInHooks.before_tool, subject);
    expect(subject).toEqual(before);
  });
});
