/** What a scripted mind answers, as the stand-in takes it (docs/stand-in.md). */
export interface Reply {
  text?: string;
  tool_uses?: { name: string; input: unknown }[];
  output?: unknown;
  usage?: { input_tokens?: number; output_tokens?: number };
  delay_ms?: number;
  raw?: boolean;
}

interface Rule {
  when: { turn?: number; last?: string; input?: string; tool?: string; final?: boolean };
  reply: Reply;
  times?: number;
}

export type Script = { turns: Reply[]; afterwards?: "last" | "error" } | { rules: Rule[] };

/** One script a role. */
export type Mind = Partial<Record<string, Script>>;

/** One after the other; a turn beyond the last is an error of the mind. */
export function turns(...replies: Reply[]): Script {
  return { turns: replies };
}

/** One after the other, then the last again and again. */
export function endlessly(...replies: Reply[]): Script {
  return { turns: replies, afterwards: "last" };
}

export function call(...uses: [name: string, input: unknown][]): Reply {
  return { tool_uses: uses.map(([name, input]) => ({ name, input })) };
}

export function answer(output: unknown): Reply {
  return { output };
}

export const reads = (...paths: string[]): Reply =>
  call(...paths.map((path): [string, unknown] => ["read_file", { path }]));

export const delegates = (agent: string, input: Record<string, unknown>): Reply => call(["delegate", { agent, input }]);

export const done = (result: string): Reply => answer({ result, status: "done" });
export const refused = (result: string): Reply => answer({ result, status: "refused" });
export const failed = (result: string): Reply => answer({ result, status: "failed" });

/** The template that stands for the id of the subagent that answered last. */
const lastRun = "{{last.run_id}}";

/** Planner, then executor: the way of every change. What comes after is given. */
export function plansAndExecutes(...afterwards: Reply[]): Script {
  return turns(
    delegates("planner", { task: "{{input.task}}" }),
    delegates("executor", { plan: lastRun }),
    ...afterwards,
  );
}

export const executesLast = (): Reply => delegates("executor", { plan: lastRun });

/** Makes the planned call, and gives up when that does not bring what was expected. */
export const faithfulExecutor: Script = {
  rules: [
    { when: { turn: 0 }, reply: call(["{{input.step.tool}}", "{{input.step.args}}"]) },
    { when: {}, reply: gaveUp("The call did not bring what was expected.") },
  ],
};

export function gaveUp(summary: string): Reply {
  return answer({ status: "failed", steps: [{ step: 1, status: "failed", result: summary }], summary });
}

interface PlanStep {
  description?: string;
  tool: string;
  args: Record<string, unknown>;
  expect?: Record<string, unknown>;
  needs?: number[];
}

/** A plan of these steps, numbered from 1. */
export function plan(steps: readonly PlanStep[], options: { reasoning?: string; risks?: string[] } = {}): Reply {
  return answer({
    steps: steps.map(({ description, tool, args, expect, needs }, index) => ({
      step: index + 1,
      description: description ?? `${tool} as the task needs it`,
      tool,
      args,
      expected_output: "what the step is for",
      ...(expect === undefined ? {} : { expect }),
      depends_on: needs ?? [],
    })),
    reasoning: options.reasoning ?? "These steps do what the task asks for.",
    risks: options.risks ?? [],
  });
}

export const write = (path: string, content: string, needs: number[] = []): PlanStep => ({
  tool: "write_file",
  args: { path, content },
  needs,
});
export const read = (path: string, needs: number[] = []): PlanStep => ({ tool: "read_file", args: { path }, needs });
export const run = (command: string, exitCode: number | undefined, needs: number[] = []): PlanStep => ({
  tool: "execute_command",
  args: { command },
  ...(exitCode === undefined ? {} : { expect: { exit_code: exitCode } }),
  needs,
});

interface Finding {
  file: string;
  line: number;
  category: string;
  severity?: string;
  message?: string;
}

export function review(findings: readonly Finding[], summary = "Read in full."): Reply {
  const whole = findings.map((finding) => ({ severity: "high", message: "As it stands this is wrong.", ...finding }));
  const fails = whole.some(({ severity }) => severity === "high" || severity === "critical");
  return answer({ findings: whole, summary, verdict: fails ? "fail" : "pass" });
}
