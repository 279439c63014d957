import { atPath, type Conversation, parseJson, type ToolResult } from "../conversation.ts";
import type { Reply } from "../reply.ts";
import { ability, understands } from "./task.ts";

interface Delegation {
  agent: string;
  runId: string;
  completed: boolean;
  output: unknown;
  /** Why it did not complete, or what was wrong with what it gave. */
  reason: string;
}

const criteria = [
  "no query inside a loop (n_plus_one)",
  "no SQL from concatenated text, eval, shell interpolation or hard-coded secret (security)",
];
const mostPlans = 2;

/** Plan, execute, review; once more with what went wrong; then the truth about how it ended. */
export function orchestratorReply(conversation: Conversation): Reply {
  const task = atPath(conversation.input, "task");
  if (typeof task !== "string" || !understands(task)) {
    return final("refused", `${ability} This task is something else.`);
  }
  const past = conversation.results.filter(({ tool }) => tool === "delegate").map(readDelegation);
  const last = past.at(-1);
  const plans = past.filter(({ agent }) => agent === "planner");
  const plan = plans.at(-1);
  const delegate = (agent: string, input: unknown): Reply =>
    conversation.tools.has("delegate")
      ? { text: saying(agent), tool_uses: [{ name: "delegate", input: { agent, input } }] }
      : final("failed", `I cannot delegate to the ${agent} here, so the work stops at this point.`);
  const given = atPath(conversation.input, "context");

  if (last === undefined || plan === undefined) {
    return delegate("planner", { task, ...(given === undefined ? {} : { context: given }) });
  }
  const fault = faultOf(last);
  if (fault !== undefined) {
    if (last.agent === "planner") return final("failed", `No plan was found: ${fault}`);
    if (plans.length >= mostPlans) {
      return final("failed", `It was tried ${plans.length} times, and the ${last.agent} still found: ${fault}`);
    }
    const tried = atPath(plan.output, "reasoning");
    const context = `An earlier attempt failed. Its plan was: ${String(tried)} Then the ${last.agent} failed: ${fault}`;
    return delegate("planner", { task, context });
  }
  switch (last.agent) {
    case "planner":
      return delegate("executor", { plan: last.runId });
    case "executor":
      return delegate("reviewer", { file_paths: filesWritten(plan.output), criteria });
    default: {
      const reasoning = atPath(plan.output, "reasoning");
      const summary = atPath(last.output, "summary");
      return final("done", `${String(reasoning)} The tests pass after the change. Review: ${String(summary)}`);
    }
  }
}

function saying(agent: string): string {
  const words: Record<string, string> = {
    planner: "First I need a plan.",
    executor: "The plan can be carried out.",
    reviewer: "What was changed is to be reviewed.",
  };
  return words[agent] ?? `Now the ${agent}.`;
}

function final(status: "done" | "refused" | "failed", result: string): Reply {
  return { output: { result, status } };
}

function readDelegation({ input, text, isError }: ToolResult): Delegation {
  const result = parseJson(text);
  const reason = atPath(result, "reason");
  const runId = atPath(result, "run_id");
  return {
    agent: String(input["agent"]),
    runId: typeof runId === "string" ? runId : "",
    completed: !isError && atPath(result, "status") === "completed",
    output: atPath(result, "output"),
    reason: typeof reason === "string" ? reason : result === undefined ? text : "it did not complete",
  };
}

// What keeps the work from going on; undefined when nothing does.
function faultOf({ agent, completed, output, reason }: Delegation): string | undefined {
  if (!completed) return reason;
  switch (agent) {
    case "planner":
      return filesWritten(output).length === 0 ? String(atPath(output, "reasoning")) : undefined;
    case "executor":
      return atPath(output, "status") === "failed" ? String(atPath(output, "summary")) : undefined;
    case "reviewer":
      return atPath(output, "verdict") === "fail" ? String(atPath(output, "summary")) : undefined;
    default:
      return undefined;
  }
}

function filesWritten(plan: unknown): string[] {
  const steps = atPath(plan, "steps");
  if (!Array.isArray(steps)) return [];
  const paths = steps.flatMap((step: unknown) => {
    const path = atPath(step, "args.path");
    return atPath(step, "tool") === "write_file" && typeof path === "string" ? [path] : [];
  });
  return [...new Set(paths)];
}
