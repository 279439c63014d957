import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { allowedTools } from "../../activities/runs/offered-tools.ts";
import { parseDefinitions } from "../../contracts/agent-definition-file.ts";
import { checkPlan, type PlanResult } from "../../core/plan/plan.ts";
import { advance, openProgress, outcome, ready } from "../../core/plan/schedule.ts";
import type { PlannedStep } from "../../core/runs/facts.ts";
import { storable } from "../../db/storable.ts";
import { runtimeSpecs } from "../../tools/runtime-specs.ts";
import { executeCommandSpec } from "../../tools/sandbox/execute-command.ts";
import { parseOutput } from "../../tools/validate.ts";
import { listDirectorySpec, readFileSpec, writeFileSpec } from "../../tools/workspace/specs.ts";
import { seededRandom, testSeed } from "../support/organisation.ts";

const seed = testSeed();
const definitionOf = (name: string) => {
  const file = fileURLToPath(new URL(`../../agents/${name}.yaml`, import.meta.url));
  const [definition] = parseDefinitions(readFileSync(file, "utf8"), file).definitions;
  if (definition === undefined) throw new Error(`${name} cannot be read`);
  return definition;
};
const planner = definitionOf("planner");
const tools = allowedTools(definitionOf("executor"), [
  readFileSpec,
  writeFileSpec,
  listDirectorySpec,
  executeCommandSpec,
  ...runtimeSpecs,
]);
const maxSteps = 20;

/** A model's answer, read as the worker reads it. */
function read(text: string, repair: boolean): PlanResult {
  const parsed = parseOutput(text, planner.output_schema, { repair });
  if (!parsed.ok) return parsed;
  return checkPlan(storable(parsed.value), { tools, maxSteps, readOnly: false });
}

interface Course {
  ended: string;
  started: number[];
  mostAtOnce: number;
  /** Steps started before what they depend on was done. */
  early: number[];
}

/**
 * Carries a plan out as the workflow does: what is ready is started, then one of those that run ends, whichever `pick`
 * says, well or badly. Twice as many turns as steps are enough, or it hangs.
 */
function carryOut(
  steps: readonly PlannedStep[],
  maxParallel: number,
  pick: (running: number[]) => number,
  fails: (step: number) => boolean,
): Course {
  let progress = openProgress(steps);
  const course: Course = { ended: "hangs", started: [], mostAtOnce: 0, early: [] };
  const running: number[] = [];
  for (let turn = 0; turn <= 2 * steps.length; turn += 1) {
    for (const step of ready(steps, progress, maxParallel)) {
      const needs = steps.find((one) => one.step === step)?.dependsOn ?? [];
      if (!needs.every((need) => progress.status[need] === "done")) course.early.push(step);
      const advanced = advance(steps, progress, { kind: "started", step });
      if (!advanced.applied) throw new Error(advanced.reason);
      progress = advanced.progress;
      course.started.push(step);
      running.push(step);
    }
    course.mostAtOnce = Math.max(course.mostAtOnce, running.length);
    if (running.length === 0) break;
    const [step = 0] = running.splice(pick(running), 1);
    const advanced = advance(steps, progress, { kind: fails(step) ? "failed" : "done", step });
    if (!advanced.applied) throw new Error(advanced.reason);
    // It is carried over between executions as JSON.
    progress = JSON.parse(JSON.stringify(advanced.progress)) as typeof progress;
  }
  course.ended = outcome(steps, progress).kind;
  return course;
}

interface Dice {
  below(limit: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** True once in so many times. */
  once(inSoMany: number): boolean;
}

function diceFrom(from: number): Dice {
  const next = seededRandom(from);
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    once: (many) => below(many) === 0,
  };
}

const words = ["", "reads", "\u0000", "\ud800", '”quoted"', "a\nb", "x".repeat(200)];
const values: unknown[] = [1, -2.5, null, true, "src/total.js", [], [1, [2]], {}, { path: { deep: ["x"] } }];
const odd: Record<string, unknown[]> = {
  step: [0, -1, 1.5, "1", null, 1e9, 1],
  description: [7, null, "x".repeat(10_001)],
  tool: ["delegate", "rm", "constructor", "raed_file", "", null],
  args: [[], null, "ls", JSON.parse('{"__proto__": 1}'), nested(40), { a: "x".repeat(70_000) }],
  expected_output: [undefined, {}],
  expect: [{ is: 1 }, null, { exit_code: "0" }, { contains: 1 }],
  depends_on: [[0], ["1"], 1, null, [99], [1, 2, 3, 4, 5, 6]],
  dependsOn: [[1]],
};

function nested(depth: number): Record<string, unknown> {
  let value: Record<string, unknown> = {};
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
}

/** A plan, its steps in any order; in every third, something is not quite right. */
function planFrom(dice: Dice): Record<string, unknown> {
  const count = dice.once(20) ? dice.pick([0, 21, 30]) : 1 + dice.below(maxSteps);
  const steps = Array.from({ length: count }, (_, index): Record<string, unknown> => {
    const needs = Array.from({ length: Math.min(index, dice.below(4)) }, () => 1 + dice.below(index));
    return {
      step: index + 1,
      description: dice.pick(words),
      tool: dice.pick(tools).name,
      args: Object.fromEntries(Array.from({ length: dice.below(3) }, () => [dice.pick(words), dice.pick(values)])),
      expected_output: dice.pick(words),
      ...(dice.once(4) ? { expect: { exit_code: dice.below(3), contains: dice.pick(words) } } : {}),
      depends_on: needs,
    };
  });
  for (let index = steps.length - 1; index > 0; index -= 1) {
    const other = dice.below(index + 1);
    [steps[index], steps[other]] = [steps[other] ?? {}, steps[index] ?? {}];
  }
  const plan: Record<string, unknown> = { steps, reasoning: dice.pick(words), risks: [dice.pick(words)] };
  if (!dice.once(3)) return plan;
  const step = steps[dice.below(count)];
  // Forwards, backwards or to itself: some make circles.
  if (dice.once(2) && step !== undefined) step["depends_on"] = [1 + dice.below(count), 1 + dice.below(count)];
  else if (step !== undefined) {
    const field = dice.pick(Object.keys(odd));
    step[field] = dice.pick(odd[field] ?? []);
  }
  if (dice.once(5)) plan[dice.pick(["steps", "reasoning", "risks", "notes"])] = dice.pick(values);
  return plan;
}

/** How a model writes it down: mostly as it should. */
function textFrom(dice: Dice): string {
  const text = JSON.stringify(planFrom(dice));
  switch (dice.below(16)) {
    case 0:
      return `Here it is:\n\`\`\`json\n${text}\n\`\`\`\n`;
    case 1:
      return text.slice(0, dice.below(text.length));
    case 2:
      return `I plan ${text} and that is all.`;
    case 3:
      return dice.pick(["", "no", "[]", "null", "7", "{}", '{"steps":', "[".repeat(5_000), text.replaceAll('"', "'")]);
    default:
      return text;
  }
}

test("10,000 answers of a planner: each is refused with a reason, or its plan runs to its end", () => {
  const counts = { refused: 0, done: 0, failed: 0 };
  for (let index = 0; index < 10_000; index += 1) {
    const dice = diceFrom(seed + index);
    const text = textFrom(dice);
    const wrong = (what: string) => `answer ${index} of seed ${seed} ${what}: ${text.slice(0, 2_000)}`;
    const result = read(text, dice.once(2));
    if (!result.ok) {
      counts.refused += 1;
      const told = result.faults.length > 0 && result.faults.every(({ message }) => message !== "");
      expect(told, wrong("is refused without a reason")).toBe(true);
      continue;
    }
    const steps = result.plan.steps.map(({ step, tool, depends_on }) => ({ step, tool, dependsOn: [...depends_on] }));
    const maxParallel = 1 + dice.below(8);
    const clumsiness = dice.below(3);
    const course = carryOut(
      steps,
      maxParallel,
      (running) => dice.below(running.length),
      () => dice.below(20) < clumsiness,
    );
    if (course.ended !== "done" && course.ended !== "failed") throw new Error(wrong(course.ended));
    counts[course.ended] += 1;
    expect(new Set(course.started).size, wrong("starts a step twice")).toBe(course.started.length);
    if (course.ended === "done") expect(course.started, wrong("leaves steps out")).toHaveLength(steps.length);
    expect(course.mostAtOnce, wrong("runs too many at once")).toBeLessThanOrEqual(maxParallel);
    expect(course.early, wrong("starts steps too early")).toEqual([]);
  }
  console.log(`refused ${counts.refused}, carried out ${counts.done}, failed on the way ${counts.failed}`);
  // Answers that are nothing but nonsense would prove nothing.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(1_000);
}, 120_000);
