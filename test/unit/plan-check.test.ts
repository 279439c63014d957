import { describe, expect, test } from "vitest";
import { checkPlan, type PlanRules } from "../../core/plan/plan.ts";

const rules: PlanRules = {
  tools: [
    { name: "read_file", readOnly: true },
    { name: "write_file", readOnly: false },
    { name: "execute_command", readOnly: false },
  ],
  maxSteps: 5,
  readOnly: false,
};
const step = (number: unknown, more: object = {}) => ({
  step: number,
  description: "reads",
  tool: "read_file",
  args: { path: "a" },
  expected_output: "text",
  depends_on: [],
  ...more,
});
const plan = (steps: unknown, more: object = {}) => ({ steps, reasoning: "because", risks: [], ...more });
const without = (field: string, from: object) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name !== field));
const faultsOf = (candidate: unknown, more: Partial<PlanRules> = {}) => {
  const result = checkPlan(candidate, { ...rules, ...more });
  return result.ok ? [] : result.faults.map(({ pointer, message }) => `${pointer}: ${message}`);
};
const nested = (depth: number) => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
};
const list = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`) as unknown;

describe("a plan that can be carried out", () => {
  test("comes back as it was given", () => {
    const given = plan([step(1), step(2, { depends_on: [1], expect: { exit_code: 0, contains: "ok" } })], {
      risks: ["r"],
    });
    expect(checkPlan(given, rules)).toEqual({ ok: true, plan: given });
  });

  test("may leave out what it does not need, and name a dependency twice", () => {
    const given = { steps: [without("depends_on", step(7)), step(9, { depends_on: [7, 7] })], reasoning: "r" };
    expect(checkPlan(given, rules)).toMatchObject({
      ok: true,
      plan: { risks: [], steps: [{ depends_on: [] }, { depends_on: [7] }] },
    });
  });

  test("may depend on steps of an earlier plan that stay", () => {
    const given = plan([step(5, { depends_on: [2] })]);
    expect(faultsOf(given, { earlier: [1, 2] })).toEqual([]);
    expect(faultsOf(given)).toEqual(["/steps/0/depends_on: there is no step 2; steps are 5"]);
  });
});

describe("a plan is refused", () => {
  test.each<[string, unknown, string[]]>([
    ["that is no object", "do it", [": a plan is an object with steps, reasoning, risks"]],
    ["that is null", null, [": a plan is an object with steps, reasoning, risks"]],
    ["that is a list", [], [": a plan is an object with steps, reasoning, risks"]],
    [
      "that is empty",
      {},
      ["/reasoning: is missing: a text is needed", "/steps: is empty or missing: a plan has from 1 to 5 steps"],
    ],
    ["without steps", plan([]), ["/steps: is empty or missing: a plan has from 1 to 5 steps"]],
    ["whose steps are no list", plan({}), ["/steps: must be a list of at most 5 steps"]],
    [
      "with too many steps",
      plan([1, 2, 3, 4, 5, 6].map((number) => step(number))),
      ["/steps: must be a list of at most 5 steps"],
    ],
    [
      "with a step that is none",
      plan([step(1), 7]),
      ["/steps/1: a step is an object with step, description, tool, args, expected_output, expect, depends_on"],
    ],
    ["without reasoning", { steps: [step(1)] }, ["/reasoning: is missing: a text is needed"]],
    [
      "with risks that are no texts",
      plan([step(1)], { risks: [1] }),
      ["/risks/0: must be a text of at most 10000 characters"],
    ],
    ["numbered from 0", plan([step(0)]), ["/steps/0/step: must be a whole number from 1 to 1000000"]],
    ["with half a step", plan([step(1.5)]), ["/steps/0/step: must be a whole number from 1 to 1000000"]],
    ["with a number as text", plan([step("1")]), ["/steps/0/step: must be a whole number from 1 to 1000000"]],
    [
      "with two steps of one number",
      plan([step(1), step(1)]),
      ["/steps/1/step: step 1 is there already, at /steps/0: numbers are unique"],
    ],
    [
      "with a step that waits for itself",
      plan([step(1, { depends_on: [1] })]),
      ["/steps/0/depends_on: step 1 depends on itself"],
    ],
    [
      "with a step that waits for none",
      plan([step(1), step(2, { depends_on: [3] })]),
      ["/steps/1/depends_on: there is no step 3; steps are 1, 2"],
    ],
    [
      "with a circle",
      plan([
        step(1, { depends_on: [4] }),
        step(2, { depends_on: [3] }),
        step(3, { depends_on: [2] }),
        step(4, { depends_on: [2] }),
      ]),
      ["/steps/1/depends_on: steps depend on each other in a circle: 2 → 3 → 2"],
    ],
    [
      "with a dependency that is no number",
      plan([step(1, { depends_on: ["1"] })]),
      ["/steps/0/depends_on/0: must be the number of a step, from 1 to 1000000"],
    ],
    [
      "with dependencies that are no list",
      plan([step(1, { depends_on: 1 })]),
      ["/steps/0/depends_on: must be a list of at most 5 step numbers"],
    ],
    [
      "with a tool that is misspelt",
      plan([step(1, { tool: "raed_file" })]),
      ["/steps/0/tool: is no tool of this run; did you mean read_file?"],
    ],
    [
      "with a tool that is like none",
      plan([step(1, { tool: "browse" })]),
      ["/steps/0/tool: is no tool of this run; valid are read_file, write_file, execute_command"],
    ],
    [
      "with a tool named as what objects have",
      plan([step(1, { tool: "constructor" })]),
      ["/steps/0/tool: is no tool of this run; valid are read_file, write_file, execute_command"],
    ],
    [
      "without a tool",
      plan([without("tool", step(1))]),
      ["/steps/0/tool: must be the name of a tool; valid are read_file, write_file, execute_command"],
    ],
    [
      "with arguments that are a list",
      plan([step(1, { args: [] })]),
      ["/steps/0/args: must be an object with the arguments of the tool, {} for none"],
    ],
    [
      "with arguments that are none",
      plan([step(1, { args: null })]),
      ["/steps/0/args: must be an object with the arguments of the tool, {} for none"],
    ],
    [
      "with arguments that are too large",
      plan([step(1, { args: { a: "x".repeat(70_000) } })]),
      ["/steps/0/args: is larger than 65536 characters as JSON"],
    ],
    [
      "with a list that is too long",
      plan([step(1, { args: { a: Array.from({ length: 1e6 }, () => 1) } })]),
      ["/steps/0/args: is larger than 65536 characters as JSON"],
    ],
    [
      "with arguments that are too deep",
      plan([step(1, { args: { a: nested(16) } })]),
      ["/steps/0/args: is nested more than 16 levels deep"],
    ],
    [
      "with lists that no recursion survives",
      plan([step(1, { args: { a: list(1_000_000) } })]),
      ["/steps/0/args: is nested more than 16 levels deep"],
    ],
    [
      "with __proto__ in its arguments",
      plan([step(1, { args: JSON.parse('{"a":[{"__proto__":{"b":1}}]}') })]),
      ["/steps/0/args: has a key __proto__, which is never valid"],
    ],
    [
      "with what is no JSON",
      plan([step(1, { args: { a: undefined } })]),
      ["/steps/0/args: holds something that is no JSON value"],
    ],
    [
      "with numbers that JSON lacks",
      plan([step(1, { args: { a: Number.NaN } })]),
      ["/steps/0/args: holds something that is no JSON value"],
    ],
    [
      "with a huge text",
      plan([step(1, { description: "x".repeat(10_001) })]),
      ["/steps/0/description: is longer than 10000 characters"],
    ],
    [
      "with a misspelt field: the step would run too early",
      plan([{ ...without("depends_on", step(1)), dependsOn: [2] }]),
      [
        "/steps/0: a step has a field that is not known, valid are step, description, tool, args, expected_output, expect, depends_on; did you mean depends_on?",
      ],
    ],
    [
      "with __proto__ for a field",
      JSON.parse('{"steps":[],"reasoning":"","__proto__":{}}'),
      [
        ": a plan has a field that is not known, valid are steps, reasoning, risks",
        "/steps: is empty or missing: a plan has from 1 to 5 steps",
      ],
    ],
    [
      "that expects what cannot be looked for",
      plan([step(1, { expect: { exit_code: "0", contains: 1, is: 2 } })]),
      [
        "/steps/0/expect: an expectation has a field that is not known, valid are exit_code, contains, not_contains",
        "/steps/0/expect/exit_code: must be a whole number",
        "/steps/0/expect/contains: must be a text of at most 10000 characters",
      ],
    ],
  ])("%s", (_, candidate, faults) => {
    expect(faultsOf(candidate)).toEqual(faults);
  });

  test("that writes where only reads are allowed", () => {
    expect(faultsOf(plan([step(1, { tool: "write_file" })]), { readOnly: true })).toEqual([
      "/steps/0/tool: write_file is not a read, and this plan may only read; valid are read_file",
    ]);
    expect(faultsOf(plan([step(1)]), { readOnly: true })).toEqual([]);
  });

  test("with arguments that hold themselves", () => {
    const args: Record<string, unknown> = {};
    args["self"] = args;
    expect(faultsOf(plan([step(1, { args })]))).toEqual(["/steps/0/args: is nested more than 16 levels deep"]);
  });

  test("exactly from the size and the depth that its rules say", () => {
    const args = { a: 'é\n"x', b: [1, -2.5e-7, true, null, {}], c: { d: [] } };
    const characters = JSON.stringify(args).length;
    expect(faultsOf(plan([step(1, { args })]), { argsCharacters: characters, argsDepth: 3 })).toEqual([]);
    expect(faultsOf(plan([step(1, { args })]), { argsCharacters: characters - 1 })).toHaveLength(1);
    expect(faultsOf(plan([step(1, { args })]), { argsDepth: 2 })).toHaveLength(1);
  });

  test("with all its faults told, but no more than anybody reads", () => {
    const many = { maxSteps: 1_000 };
    expect(faultsOf(plan(Array.from({ length: 1_000 }, () => 0)), many)).toHaveLength(50);
    const circles = [
      step(1, { depends_on: [2] }),
      step(2, { depends_on: [1] }),
      step(3, { depends_on: [4] }),
      step(4, { depends_on: [3] }),
    ];
    expect(faultsOf(plan(circles))).toHaveLength(2);
  });

  test("in words that quote nothing of it", () => {
    const secret = "sk-secret";
    const bad = plan(
      [step(1, { tool: secret, [secret]: 1, args: { [secret]: nested(20) }, expect: { [secret]: 1 } })],
      { [secret]: 1 },
    );
    expect(faultsOf(bad)).toHaveLength(5);
    expect(faultsOf(bad).join()).not.toContain(secret);
  });
});
