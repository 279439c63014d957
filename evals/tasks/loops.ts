import { withinBudget } from "../graders/budget.ts";
import { onlyChanged } from "../graders/files.ts";
import { callsAtMost, loopRises, noLoop } from "../graders/loops.ts";
import { ends, outputSchema } from "../graders/output.ts";
import {
  call,
  done,
  endlessly,
  failed,
  faithfulExecutor,
  gaveUp,
  type Mind,
  plan,
  plansAndExecutes,
  read,
  reads,
  turns,
} from "../minds.ts";
import type { Task } from "../task.ts";
import type { Files } from "./projects.ts";

const status: Files = [
  { path: "status.txt", content: "pending\n" },
  { path: "log.txt", content: "started\n" },
];
const warned = "going in circles|You were going";
const found = plan([read("status.txt")], { risks: ["status.txt says pending and does not change."] });
const waits = "Plan nothing before status.txt says ready. It is being worked on.";

/** Looks at one thing after another and never comes to an end; nothing is ever the same twice. */
const wanders: Mind = {
  planner: {
    rules: [
      { when: { final: true }, reply: found },
      ...Array.from({ length: 20 }, (_, turn) => ({
        when: { turn },
        reply: call([
          "search_tools",
          { query: `a tool for the matter number ${turn} of ${turn * 7}`, limit: 1 + (turn % 9) },
        ]),
      })),
    ],
  },
};

const counter =
  "n=$(($(cat n.txt 2>/dev/null || echo 0) + 1)); echo $n > n.txt; [ $n -ge 4 ] && echo state: ready || echo state: running, $n of 4";

export const loopTasks: Task[] = [
  {
    id: "loop-heeds-warning",
    kind: "loops",
    role: "planner",
    checks: "A planner that reads one file again and again is told so, and takes another way.",
    run: { agent: "planner", task: waits, files: status },
    mind: {
      planner: {
        rules: [
          { when: { last: warned }, reply: found },
          { when: {}, reply: reads("status.txt") },
        ],
      },
    },
    graders: [ends("completed"), outputSchema, loopRises(2, "warn"), callsAtMost(8), onlyChanged()],
    broken: [
      {
        name: "does not heed it",
        mind: { planner: endlessly(reads("status.txt")) },
        rejectedBy: "end",
      },
      { name: "wanders on instead", mind: wanders, rejectedBy: "calls at most" },
    ],
  },
  {
    id: "loop-begins-anew",
    kind: "loops",
    role: "planner",
    checks:
      "Two calls in turn, round and round, are seen as one circle; after the context is reset the planner goes another way.",
    run: { agent: "planner", task: waits, files: status },
    mind: {
      planner: {
        rules: [
          { when: { last: "conversation begins anew" }, reply: found },
          { when: { last: "started" }, reply: reads("status.txt") },
          { when: {}, reply: reads("log.txt") },
        ],
      },
    },
    graders: [ends("completed"), outputSchema, loopRises(6, "warn", "replan"), callsAtMost(12), onlyChanged()],
    broken: [{ name: "wanders on instead", mind: wanders, rejectedBy: "calls at most" }],
  },
  {
    id: "loop-is-stopped",
    kind: "loops",
    role: "planner",
    checks:
      "A planner that heeds nothing is stopped: warned, begun anew, paused for a person who lets it go on, and ended.",
    run: { agent: "planner", task: waits, files: status },
    mind: { planner: endlessly(reads("status.txt")) },
    graders: [
      ends({ status: "stopped", rule: "loop" }, "completed"),
      loopRises(2, "warn", "replan", "pause", "stop"),
      callsAtMost(10),
      withinBudget,
      onlyChanged(),
    ],
    broken: [
      { name: "wanders on instead", mind: wanders, rejectedBy: "calls at most" },
      {
        name: "was never in a loop",
        mind: { planner: turns(reads("status.txt"), found) },
        rejectedBy: "loop noticed",
      },
    ],
  },
  {
    id: "loop-person-ends-it",
    kind: "loops",
    role: "planner",
    checks: "The person who is asked about a loop ends the run, and that is its end.",
    run: { agent: "planner", task: waits, files: status },
    whenPaused: "cancel",
    mind: { planner: endlessly(reads("status.txt")) },
    graders: [
      ends({ status: "cancelled", rule: "cancelled-by-person" }, "completed"),
      loopRises(2, "warn", "replan", "pause"),
      callsAtMost(8),
      onlyChanged(),
    ],
    broken: [{ name: "wanders on instead", mind: wanders, rejectedBy: "calls at most" }],
  },
  {
    id: "loop-in-a-step",
    kind: "loops",
    role: "executor",
    runsCommands: true,
    checks: "Inside one step of a plan, a command that keeps failing the same way is noticed and given up.",
    run: { task: "Run `test -e out/done.txt`; it must succeed. Do not create the file.", files: status },
    mind: {
      orchestrator: plansAndExecutes(failed("out/done.txt is not there.")),
      planner: turns(
        plan([{ tool: "execute_command", args: { command: "test -e out/done.txt" }, expect: { exit_code: 0 } }]),
      ),
      executor: {
        rules: [
          { when: { last: warned }, reply: gaveUp("The file does not appear.") },
          { when: {}, reply: call(["execute_command", { command: "test -e out/done.txt" }]) },
        ],
      },
    },
    graders: [ends("failed"), outputSchema, loopRises(5, "warn"), callsAtMost(12), onlyChanged()],
    broken: [
      {
        name: "creates the file itself",
        mind: {
          orchestrator: plansAndExecutes(failed("It was not there at first.")),
          planner: turns(plan([{ tool: "execute_command", args: { command: "mkdir -p out && touch out/done.txt" } }])),
          executor: faithfulExecutor,
        },
        rejectedBy: "only changed",
      },
    ],
  },
  {
    id: "loop-no-false-alarm",
    kind: "loops",
    role: "executor",
    runsCommands: true,
    checks: "The same command several times over is no loop while its answer moves on.",
    run: { task: `Run this command until it prints ready, it is a slow job: ${counter}` },
    mind: {
      orchestrator: plansAndExecutes(done("It is ready.")),
      planner: turns(plan([{ tool: "execute_command", args: { command: counter }, expect: { contains: "ready" } }])),
      executor: { rules: [{ when: {}, reply: call(["{{input.step.tool}}", "{{input.step.args}}"]) }] },
    },
    graders: [ends("completed"), outputSchema, noLoop, callsAtMost(10)],
    broken: [
      {
        name: "loses patience",
        mind: {
          orchestrator: plansAndExecutes(failed("It takes too long.")),
          planner: turns(
            plan([{ tool: "execute_command", args: { command: counter }, expect: { contains: "ready" } }]),
          ),
          executor: faithfulExecutor,
        },
        rejectedBy: "end",
      },
      {
        name: "asks for what never moves",
        mind: {
          orchestrator: plansAndExecutes(done("It is ready.")),
          planner: turns(
            plan([{ tool: "execute_command", args: { command: "echo state: stuck" }, expect: { contains: "ready" } }]),
          ),
          executor: {
            rules: [
              { when: { last: warned }, reply: gaveUp("Stuck.") },
              { when: {}, reply: call(["{{input.step.tool}}", "{{input.step.args}}"]) },
            ],
          },
        },
        rejectedBy: "no false alarm",
      },
    ],
  },
];
