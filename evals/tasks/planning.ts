import { ends, outputSchema } from "../graders/output.ts";
import { planParallel, planProves, planSound, planWithin, planWrites } from "../graders/plan.ts";
import { answer, call, endlessly, type Mind, plan, read, reads, run, turns, write } from "../minds.ts";
import type { Task } from "../task.ts";
import { callers, fixedArea, fixedLabel, fixedTotal, pair, renamed, totals } from "./projects.ts";

const looks = call(["list_directory", { path: ".", depth: 3 }]);
const test = "node --test";
const price = "src/price.js";
const cart = "src/cart.js";
const offer = "src/offer.js";
const stats = "export const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;\n";
const statsTest =
  'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { average } from "../src/stats.js";\n\ntest("average", () => {\n  assert.equal(average([1, 3]), 2);\n});\n';

const plans = (...steps: Parameters<typeof plan>[0]): Mind => ({ planner: turns(looks, plan(steps)) });
const rename = (path: string, needs: number[] = []) => write(path, renamed[path] ?? "", needs);

export const planningTasks: Task[] = [
  {
    id: "plan-fix",
    kind: "planning",
    role: "planner",
    checks: "A failing test becomes a plan that proves the failure, mends the one file and proves the fix.",
    run: {
      agent: "planner",
      task: "The test in this project fails. Plan how to find and fix the cause.",
      files: totals,
    },
    mind: {
      planner: turns(
        looks,
        reads("src/total.js", "test/total.test.js"),
        plan([run(test, 1), read("src/total.js"), write("src/total.js", fixedTotal, [1, 2]), run(test, 0, [3])]),
      ),
    },
    graders: [
      ends("completed"),
      outputSchema,
      planSound,
      planWrites("src/total.js"),
      planProves(/node --test|npm (?:run )?test/),
    ],
    broken: [
      {
        name: "changes the test instead",
        mind: plans(run(test, 1), write("test/total.test.js", "", [1]), run(test, 0, [2])),
        rejectedBy: "plan writes",
      },
      {
        name: "proves nothing",
        mind: plans(run(test, 1), write("src/total.js", fixedTotal)),
        rejectedBy: "plan proves",
      },
    ],
  },
  {
    id: "plan-feature",
    kind: "planning",
    role: "planner",
    checks: "A new function is planned together with a test of its own.",
    run: {
      agent: "planner",
      task: "Plan a function average(values) in src/stats.js, with a test in test/stats.test.js that is run at the end.",
      files: totals.slice(0, 1),
    },
    mind: plans(write("src/stats.js", stats), write("test/stats.test.js", statsTest), run(test, 0, [1, 2])),
    graders: [
      ends("completed"),
      outputSchema,
      planSound,
      planWrites("src/stats.js", "test/stats.test.js"),
      planProves(/node --test|npm (?:run )?test/),
    ],
    broken: [
      {
        name: "forgets the test",
        mind: plans(write("src/stats.js", stats), run(test, 0, [1])),
        rejectedBy: "plan writes",
      },
    ],
  },
  {
    id: "plan-rename",
    kind: "planning",
    role: "planner",
    checks: "A rename is planned in the file that defines the name and in every caller.",
    run: {
      agent: "planner",
      task: "Plan to rename the function calc to grossPrice everywhere in src/, and to run the tests (node --test) at the end.",
      files: callers,
    },
    mind: {
      planner: turns(
        looks,
        reads(price, cart, offer),
        plan([rename(price), rename(cart), rename(offer), run(test, 0, [1, 2, 3])]),
      ),
    },
    graders: [
      ends("completed"),
      outputSchema,
      planSound,
      planWrites(price, cart, offer),
      planProves(/node --test|npm (?:run )?test/),
    ],
    broken: [
      {
        name: "overlooks a caller",
        mind: plans(rename(price), rename(cart), run(test, 0, [1, 2])),
        rejectedBy: "plan writes",
      },
      {
        name: "tests before it has finished",
        mind: plans(rename(price), rename(cart), rename(offer), run(test, 0, [1, 2])),
        rejectedBy: "plan proves",
      },
    ],
  },
  {
    id: "plan-parallel",
    kind: "planning",
    role: "planner",
    checks: "Two changes that have nothing to do with each other are not made to wait for one another.",
    run: {
      agent: "planner",
      task: "area in src/area.js and label in src/label.js are each wrong; the tests say how. Plan both fixes, and one run of node --test at the end.",
      files: pair,
    },
    mind: {
      planner: turns(
        looks,
        reads("src/area.js", "src/label.js", "test/area.test.js", "test/label.test.js"),
        plan([write("src/area.js", fixedArea), write("src/label.js", fixedLabel), run(test, 0, [1, 2])]),
      ),
    },
    graders: [
      ends("completed"),
      outputSchema,
      planSound,
      planWrites("src/area.js", "src/label.js"),
      planParallel("src/area.js", "src/label.js"),
    ],
    broken: [
      {
        name: "does one after the other",
        mind: plans(write("src/area.js", fixedArea), write("src/label.js", fixedLabel, [1]), run(test, 0, [2])),
        rejectedBy: "plan parallel",
      },
    ],
  },
  {
    id: "plan-mended",
    kind: "planning",
    role: "planner",
    checks: "A plan whose steps wait for each other in a circle comes back mended, or not at all.",
    run: {
      agent: "planner",
      task: "Plan to read src/total.js and test/total.test.js. Nothing is to be changed.",
      files: totals,
    },
    mind: {
      planner: turns(
        plan([read("src/total.js", [2]), read("test/total.test.js", [1])]),
        plan([read("src/total.js"), read("test/total.test.js")]),
      ),
    },
    graders: [ends("completed"), outputSchema, planSound, planWithin({ read_file: /total/, list_directory: null })],
    broken: [
      {
        name: "insists on the circle",
        mind: { planner: endlessly(plan([read("src/total.js", [2]), read("test/total.test.js", [1])])) },
        rejectedBy: "end",
      },
      {
        name: "answers in words",
        mind: { planner: endlessly({ ...answer({ plan: "first the one, then the other" }), raw: true }) },
        rejectedBy: "end",
      },
    ],
  },
];
