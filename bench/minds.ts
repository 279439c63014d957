/** What a scripted mind of the stand-in says in one turn (docs/stand-in.md). */
interface Reply {
  tool_uses?: { name: string; input: Record<string, unknown> }[];
  output?: unknown;
  delay_ms?: number;
}

type Script = { turns: Reply[] } | { rules: { when: Record<string, unknown>; reply: Reply }[] };

const roles = ["orchestrator", "planner", "executor", "reviewer", "talker"];

/** Arms a mind that answers at once, and gives the `models` that put it behind every role. */
export async function armMind(
  stage: { stack: { simulatorUrl: string } },
  name: string,
  scripts: Record<string, Script>,
): Promise<Record<string, string>> {
  const answer = await fetch(`${stage.stack.simulatorUrl}/_control/minds`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: `mind-${name}`, roles: scripts }),
  });
  if (!answer.ok) throw new Error(`the stand-in did not take the mind: ${await answer.text()}`);
  return Object.fromEntries(roles.map((role) => [role, `mind-${name}`]));
}

export const call = (name: string, input: Record<string, unknown>): Reply => ({ tool_uses: [{ name, input }] });

/** Plan, carry out, and what comes after, as an orchestrator does it. */
export function plansAndExecutes(planner: string, executor: string, ...afterwards: Reply[]): Script {
  return {
    turns: [
      call("delegate", { agent: planner, input: { task: "{{input.task}}" } }),
      call("delegate", { agent: executor, input: { plan: "{{last.run_id}}" } }),
      ...afterwards,
    ],
  };
}

interface PlannedRead {
  path: string;
  offset: number;
  limit: number;
  dependsOn: number[];
}

/** A plan of reads, numbered from 1. */
export function planOfReads(reads: readonly PlannedRead[]): Record<string, unknown> {
  const steps = reads.map(({ path, offset, limit, dependsOn }, index) => ({
    step: index + 1,
    description: "reads",
    tool: "read_file",
    args: { path, offset, limit },
    expected_output: "text",
    depends_on: dependsOn,
  }));
  return { steps, reasoning: "it is what there is to read", risks: [] };
}

/** An executor that makes the planned read, whichever it is. */
export const readsAsPlanned: Script = {
  rules: [
    {
      when: {},
      reply: call("read_file", {
        path: "{{input.step.args.path}}",
        offset: "{{input.step.args.offset}}",
        limit: "{{input.step.args.limit}}",
      }),
    },
  ],
};

/** So many lines of so many characters, their ends included; no two alike, nor alike but for numbers. */
export function linesOf(count: number, length: number): string {
  let state = 1;
  const word = (): string => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 4).toString(36).replace(/[0-9]/g, "").padEnd(3, "x");
  };
  const line = (): string => {
    let text = word();
    while (text.length < length) text += ` ${word()}`;
    return `${text.slice(0, length - 1)}\n`;
  };
  return Array.from({ length: count }, line).join("");
}
