import { onlyChanged } from "../graders/files.ts";
import { claims, ends, mentions, outputSchema } from "../graders/output.ts";
import { hands, startsAnew, takesRoute } from "../graders/route.ts";
import {
  call,
  delegates,
  done,
  executesLast,
  failed,
  faithfulExecutor,
  type Mind,
  plan,
  plansAndExecutes,
  read,
  reads,
  review,
  turns,
  write,
} from "../minds.ts";
import type { Task } from "../task.ts";
import { nPlusOne, totals } from "./projects.ts";

const note = "Ship on Friday.\n";
const planner = turns(plan([write("notes/plan.txt", note)]));
const lookingPlan = turns(plan([read("src/total.js")], { reasoning: "First src/total.js is read." }));
const asksForPlan = delegates("planner", { task: "{{input.task}}" });
const wholeRoute: Mind = {
  orchestrator: plansAndExecutes(done("notes/plan.txt is written.")),
  planner,
  executor: faithfulExecutor,
};

export const routingTasks: Task[] = [
  {
    id: "route-change",
    kind: "routing",
    role: "orchestrator",
    checks: "What changes something is planned first and then carried out, by the agents for it.",
    run: { task: "Write the file notes/plan.txt with the line: Ship on Friday." },
    mind: wholeRoute,
    graders: [
      ends("completed"),
      outputSchema,
      takesRoute(["planner", "executor"], ["planner", "executor", "reviewer"]),
      startsAnew,
      mentions(/notes\/plan\.txt/),
    ],
    broken: [
      {
        name: "executes a plan that nobody made",
        mind: {
          ...wholeRoute,
          orchestrator: turns(
            delegates("executor", { plan: "0".repeat(8) }),
            failed("There was no plan, notes/plan.txt is missing."),
          ),
        },
        rejectedBy: "route",
      },
      {
        name: "stops after the plan",
        mind: { ...wholeRoute, orchestrator: turns(asksForPlan, done("notes/plan.txt is planned.")) },
        rejectedBy: "route",
      },
    ],
  },
  {
    id: "route-plan-only",
    kind: "routing",
    role: "orchestrator",
    checks: "Who asks for a plan alone gets a plan alone.",
    run: {
      task: "How would you fix the failing test? I want a plan only: nothing is to be carried out.",
      files: totals,
    },
    mind: {
      orchestrator: turns(asksForPlan, done("The plan: read src/total.js, then mend its loop.")),
      planner: lookingPlan,
    },
    graders: [ends("completed"), outputSchema, takesRoute(["planner"]), onlyChanged()],
    broken: [
      {
        name: "carries it out as well",
        mind: { orchestrator: plansAndExecutes(done("Done.")), planner: lookingPlan, executor: faithfulExecutor },
        rejectedBy: "route",
      },
    ],
  },
  {
    id: "route-review-only",
    kind: "routing",
    role: "orchestrator",
    checks: "A review goes straight to the reviewer, with the files and the criteria it needs.",
    run: { task: "Review src/orders.js: is there any query inside a loop?", files: nPlusOne },
    mind: {
      orchestrator: turns(
        delegates("reviewer", { file_paths: ["src/orders.js"], criteria: ["no query inside a loop"] }),
        done("src/orders.js queries once per order, on line 5."),
      ),
      reviewer: turns(reads("src/orders.js"), review([{ file: "src/orders.js", line: 5, category: "n_plus_one" }])),
    },
    graders: [
      ends("completed"),
      outputSchema,
      takesRoute(["reviewer"]),
      hands("reviewer", /src\/orders\.js/, /loop|quer|n.?(?:\+|plus).?(?:1|one)/i),
      mentions(/src\/orders\.js/),
    ],
    broken: [
      {
        name: "asks for a plan first",
        mind: {
          orchestrator: turns(
            asksForPlan,
            delegates("reviewer", { file_paths: ["src/orders.js"], criteria: ["no query inside a loop"] }),
            done("src/orders.js was looked at."),
          ),
          planner: turns(plan([read("src/orders.js")])),
          reviewer: turns(reads("src/orders.js"), review([])),
        },
        rejectedBy: "route",
      },
      {
        name: "does not say what to look for",
        mind: {
          orchestrator: turns(
            delegates("reviewer", { file_paths: ["src/orders.js"], criteria: ["is it good"] }),
            done("src/orders.js is good."),
          ),
          reviewer: turns(reads("src/orders.js"), review([])),
        },
        rejectedBy: "hands over",
      },
    ],
  },
  {
    id: "route-second-try",
    kind: "routing",
    role: "orchestrator",
    checks: "A subagent that failed is started once more with something better, not with the same again.",
    run: { task: "Write the file notes/plan.txt with the line: Ship on Friday." },
    mind: {
      orchestrator: turns(
        delegates("planner", { task: "Plan it." }),
        delegates("planner", { task: "Plan to write notes/plan.txt with the line: Ship on Friday." }),
        executesLast(),
        done("notes/plan.txt is written."),
      ),
      planner: {
        rules: [
          { when: { input: "Plan it" }, reply: { output: { nothing: true }, raw: true } },
          { when: {}, reply: plan([write("notes/plan.txt", note)]) },
        ],
      },
      executor: faithfulExecutor,
    },
    graders: [
      ends("completed"),
      outputSchema,
      startsAnew,
      takesRoute(["planner", "executor"], ["planner", "planner", "executor"], ["planner", "executor", "reviewer"]),
      hands("planner", /notes\/plan\.txt/, /Ship on Friday/),
    ],
    broken: [
      {
        name: "tries the same again",
        mind: {
          ...wholeRoute,
          orchestrator: turns(
            delegates("planner", { task: "Write notes/plan.txt: Ship on Friday" }),
            delegates("planner", { task: "Write notes/plan.txt: Ship on Friday" }),
            executesLast(),
            done("notes/plan.txt is written."),
          ),
        },
        rejectedBy: "starts anew",
      },
      {
        name: "gives up at once",
        mind: {
          orchestrator: turns(delegates("planner", { task: "Plan it." }), failed("There is no plan.")),
          planner: { rules: [{ when: {}, reply: { output: { nothing: true }, raw: true } }] },
        },
        rejectedBy: "end",
      },
    ],
  },
  {
    id: "route-nobody",
    kind: "routing",
    role: "orchestrator",
    checks: "What the orchestrator knows already needs no subagent.",
    run: { task: "Which agents can you start? Name them, and do nothing else." },
    mind: { orchestrator: turns(done("I can start a planner, an executor and a reviewer.")) },
    graders: [
      ends("completed"),
      claims("done"),
      outputSchema,
      takesRoute([]),
      mentions(/planner/, /executor/, /reviewer/),
    ],
    broken: [
      {
        name: "starts one to find out",
        mind: {
          orchestrator: turns(asksForPlan, done("planner, executor, reviewer")),
          planner: turns(call(["list_directory", {}]), plan([{ tool: "list_directory", args: { path: "." } }])),
        },
        rejectedBy: "route",
      },
    ],
  },
];
