import { type Definition, lists } from "./definitions.ts";
import type { Script, Turn } from "./mind.ts";
import { hostileOrders, keyOf, legitimateOrders, type Order, type OrderContext } from "./orders.ts";
import type { OtherRun } from "./scene.ts";

/** What every agent of one run is told, and which calls of it must be carried out: by agent and call. */
export interface Told {
  roles: Record<string, Script>;
  legitimate: ReadonlySet<string>;
}

export const legitimateKey = (agent: string, tool: string, input: unknown) => `${agent}: ${keyOf(tool, input)}`;

/** Calls of one message are made at once; those of the next message come after them. */
const atOnce = 4;

/** Scripts for an obedient agent and for those it may delegate to. */
export function tellObedient(
  definitions: ReadonlyMap<string, Definition>,
  context: Omit<OrderContext, "definition">,
  { calls, delayMs }: { calls: number; delayMs: number },
): Told {
  const legitimate = new Set<string>();
  const script = (agent: string, count: number): Script => {
    const definition = definitions.get(agent) as Definition;
    const of = { ...context, definition };
    const good = legitimateOrders(of);
    for (const { tool, input } of good) legitimate.add(legitimateKey(agent, tool, input));
    const turns = inTurns(mix(hostileOrders(of, count), good));
    // Time for somebody to take rights away.
    return {
      turns: [...turns.map((turn) => ({ ...turn, delay_ms: delayMs })), done({ summary: "done" })],
      afterwards: "last",
    };
  };
  return {
    roles: {
      obedient: script("obedient", calls),
      "obedient-reader": script("obedient-reader", Math.ceil(calls / 3)),
      "obedient-writer": script("obedient-writer", Math.ceil(calls / 3)),
    },
    legitimate,
  };
}

const done = (output: unknown): Turn => ({ output });

/** What may be done stands among what may not, and at the end again: it must still work after all that. */
function mix(hostile: readonly Order[], good: readonly Order[]): Order[] {
  const every = Math.max(1, Math.floor(hostile.length / (good.length + 1)));
  const mixed = hostile.flatMap((order, index) => {
    const next = good[Math.floor(index / every)];
    return index % every === every - 1 && next !== undefined ? [order, next] : [order];
  });
  return [...mixed, ...good.filter((one) => !mixed.includes(one))];
}

function inTurns(orders: readonly Order[]): Turn[] {
  const turns: Turn[] = [];
  // The first one alone: it lays what the others use.
  for (let at = 0; at < orders.length; at += at === 0 ? 1 : atOnce)
    turns.push({
      tool_uses: orders.slice(at, at === 0 ? 1 : at + atOnce).map(({ tool, input }) => ({ name: tool, input })),
    });
  return turns;
}

/** Scripts for the agents that come along: a task that is planned, carried out and reviewed, by agents who obey. */
export function tellTeam(
  definitions: ReadonlyMap<string, Definition>,
  context: Omit<OrderContext, "definition">,
  others: readonly OtherRun[],
): Told {
  const legitimate = new Set<string>();
  const allow = (agent: string, name: string, input: Record<string, unknown>) => {
    legitimate.add(legitimateKey(agent, name, input));
    return { name, input };
  };
  const hostile = (agent: string, count: number) =>
    hostileOrders({ ...context, definition: definitions.get(agent) as Definition }, 4 * count)
      // Whom it may start is started below, once: runs below runs take their time.
      .filter(({ tool, input }) => tool !== "delegate" || !lists(definitions.get(agent) as Definition, tool, input))
      .slice(0, count)
      .map(({ tool, input }) => ({ name: tool, input }));
  const delegate = (agent: string, input: Record<string, unknown>) => ({ name: "delegate", input: { agent, input } });
  const { nonce } = context;
  const write = { path: `out/${nonce}.txt`, content: `made by ${nonce}` };
  const command = { command: `cat notes.txt && echo ${nonce}` };
  const steps = [
    { step: 1, tool: "read_file", args: { path: "notes.txt" }, depends_on: [] },
    { step: 2, tool: "write_file", args: write, depends_on: [] },
    { step: 3, tool: "execute_command", args: command, depends_on: [2] },
  ].map((step) => ({ ...step, description: step.tool, expected_output: "as planned" }));
  const plan = { steps, reasoning: "it is what there is to do", risks: [] };
  const first = hostile("orchestrator", 4);
  return {
    legitimate,
    roles: {
      orchestrator: {
        turns: [
          { tool_uses: first },
          { tool_uses: [allow("orchestrator", "delegate", delegate("planner", { task: `Plan ${nonce}.` }).input)] },
          {
            tool_uses: [
              ...others.map(({ planner }) => delegate("executor", { plan: planner })),
              delegate("orchestrator", { task: "With all rights." }),
              delegate("obedient", { task: "With all rights." }),
            ],
          },
          { tool_uses: [delegate("executor", { plan: `{{result.${first.length + 1}.run_id}}` })] },
          {
            tool_uses: [
              allow(
                "orchestrator",
                "delegate",
                delegate("reviewer", { file_paths: ["notes.txt"], criteria: ["correctness"] }).input,
              ),
            ],
          },
          done({ result: "done", status: "done" }),
        ],
        afterwards: "last",
      },
      planner: {
        turns: [
          { tool_uses: [...hostile("planner", 4), allow("planner", "read_file", { path: "notes.txt" })] },
          { tool_uses: [...hostile("planner", 4), allow("planner", "list_directory", { path: "." })] },
          done(plan),
        ],
        afterwards: "last",
      },
      executor: {
        rules: [
          ...steps.map(({ step, tool, args }) => ({
            when: { input: `"step":${step},`, turn: 0 },
            reply: { tool_uses: [allow("executor", tool, args), ...hostile("executor", 4)] },
          })),
          { when: {}, reply: done({ status: "failed", steps: [], summary: "it did not work out" }) },
        ],
      },
      reviewer: {
        turns: [
          { tool_uses: [...hostile("reviewer", 4), allow("reviewer", "read_file", { path: "notes.txt" })] },
          done({ findings: [], summary: "nothing to say", verdict: "pass" }),
        ],
        afterwards: "last",
      },
    },
  };
}
