import { stoppedBy, warnsAt, withinBudget } from "../graders/budget.ts";
import { onlyChanged } from "../graders/files.ts";
import { ends, outputSchema } from "../graders/output.ts";
import {
  delegates,
  done,
  endlessly,
  executesLast,
  faithfulExecutor,
  type Mind,
  plan,
  type Reply,
  read,
  reads,
  turns,
} from "../minds.ts";
import type { Task } from "../task.ts";

const files = ["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => ({
  path: `notes/${name}.txt`,
  content: `${name}: ${"one line of a note that is long enough to be worth reading. ".repeat(6)}\n`,
}));
const paths = files.map(({ path }) => path);
const finish = plan([read("notes/a.txt")]);
const readsOn: Mind = { planner: { rules: [{ when: {}, reply: reads(...paths.slice(0, 4)) }] } };
/** One file a turn, each another: no circle, only work without end. */
const oneByOne: Reply[] = [...paths, ...paths].map((path) => reads(path));
const early = {
  name: "ends long before",
  mind: { planner: turns(finish) },
  rejectedBy: "stopped for the right reason",
};
/** What no budget can hold: an answer that costs more than was reserved for it. */
const claimsMore = (input: number): { name: string; mind: Mind; rejectedBy: string } => ({
  name: "is billed for more than it could use",
  mind: { planner: endlessly({ ...reads("notes/a.txt"), usage: { input_tokens: input } }) },
  rejectedBy: "within budget",
});
const survey = "Read everything in notes/ and plan how to sort it.";

export const budgetTasks: Task[] = [
  {
    id: "budget-tokens",
    kind: "budget",
    role: "planner",
    checks: "A run stops before its tokens are overdrawn, and says that this is why.",
    run: { agent: "planner", task: survey, files, budget: { tokens: 9000 } },
    mind: { planner: turns(...oneByOne) },
    graders: [withinBudget, stoppedBy("budget-exhausted", "planner"), onlyChanged()],
    broken: [early, claimsMore(50_000)],
  },
  {
    id: "budget-calls",
    kind: "budget",
    role: "planner",
    checks: "A run makes as many model calls as it may, and not one more.",
    run: { agent: "planner", task: survey, files, budget: { calls: 3 } },
    mind: { planner: turns(...oneByOne) },
    graders: [withinBudget, stoppedBy("budget-exhausted", "planner"), onlyChanged()],
    broken: [early],
  },
  {
    id: "budget-cost",
    kind: "budget",
    role: "planner",
    checks: "A run stops before its money is overdrawn.",
    run: { agent: "planner", task: survey, files, budget: { cost_usd: 0.06 } },
    mind: { planner: turns(...oneByOne) },
    graders: [withinBudget, stoppedBy("budget-exhausted", "planner"), onlyChanged()],
    broken: [early, claimsMore(50_000)],
  },
  {
    id: "budget-time",
    kind: "budget",
    role: "planner",
    checks: "A run whose time is over begins no further call.",
    run: { agent: "planner", task: survey, files, budget: { wall_seconds: 2 } },
    mind: { planner: turns(...oneByOne.map((reply) => ({ ...reply, delay_ms: 700 }))) },
    graders: [withinBudget, stoppedBy("budget-time", "planner"), onlyChanged()],
    broken: [early],
  },
  {
    id: "budget-of-a-child",
    kind: "budget",
    role: "orchestrator",
    checks: "A subagent with a small budget of its own is stopped by it, while the run above it goes on and ends well.",
    run: { agent: "frugal-desk", task: survey, files },
    mind: {
      orchestrator: turns(
        delegates("frugal-surveyor", { task: "{{input.task}}" }),
        done("The surveyor's budget was used up before it had seen everything."),
      ),
      surveyor: turns(...oneByOne),
    },
    graders: [
      ends("completed"),
      outputSchema,
      withinBudget,
      stoppedBy("budget-exhausted", "frugal-surveyor"),
      onlyChanged(),
    ],
    broken: [
      {
        name: "never starts it",
        mind: { orchestrator: turns(done("There is nothing to plan.")) },
        rejectedBy: "stopped for the right reason",
      },
    ],
  },
  {
    id: "budget-shared",
    kind: "budget",
    role: "executor",
    checks: "Steps that run side by side, in a subagent, together stay within what the whole task may use.",
    run: { task: "Read all of notes/ and say what is in it.", files, budget: { tokens: 120_000, calls: 14 } },
    mind: {
      orchestrator: turns(
        delegates("planner", { task: "{{input.task}}" }),
        executesLast(),
        done("notes/ holds eight notes."),
      ),
      planner: turns(plan(paths.map((path) => read(path)))),
      executor: faithfulExecutor,
    },
    graders: [ends("completed"), outputSchema, withinBudget, warnsAt(70), onlyChanged()],
    broken: [
      {
        name: "does nothing",
        mind: { orchestrator: turns(done("notes/ holds notes.")) },
        rejectedBy: "budget warning",
      },
    ],
  },
  {
    id: "budget-is-enough",
    kind: "budget",
    role: "planner",
    checks: "A run that comes near its limit is warned, and ends well within it.",
    run: { agent: "planner", task: "Plan to read notes/a.txt.", files, budget: { calls: 4 } },
    mind: { planner: turns(...oneByOne.slice(0, 3), finish) },
    graders: [ends("completed"), outputSchema, withinBudget, warnsAt(70, 90), onlyChanged()],
    broken: [{ name: "does not come to an end", mind: readsOn, rejectedBy: "end" }],
  },
];
