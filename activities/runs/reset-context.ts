import type { ModelCall } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { type RunRow, requireRun, say } from "../../db/queries/runs.ts";
import { ofPeople } from "./heard.ts";

const shownSteps = 60;

/**
 * Begins a thread anew after a loop: the input again, and in a line each what was done and what came of it. The words that
 * led in circles are left behind; what people have said, and what has happened in the world, is not.
 */
export async function openAnew(tx: Tx, run: RunRow, call: ModelCall, from: string): Promise<void> {
  // What people say meanwhile is said to the new thread.
  await requireRun(tx, run.id, "lock");
  const first = await tx.maybe<{ content: unknown[] }>(
    "select content from run_messages where run_id = $1 and thread = $2 and origin = 'input'",
    [run.id, from],
  );
  const heard = await tx.rows<{ content: unknown[] }>(
    "select content from run_messages where run_id = $1 and thread = $2 and origin like $3 || '%' order by position",
    [run.id, from, ofPeople],
  );
  if (first === undefined) throw new Error(`run ${run.id} has no thread ${from}`);
  const steps = await tx.rows<{
    tool_name: string;
    input_summary: string;
    output_summary: string | null;
    status: string;
    times: string;
  }>(
    `select tool_name, input_summary, output_summary, status, count(*) as times from agent_steps
      where run_id = $1 and thread = $2 and step_type = 'tool_call'
      group by 1, 2, 3, 4 order by min(created_at) desc limit ${shownSteps}`,
    [run.id, from],
  );
  const lines = steps
    .reverse()
    .map(
      (step) =>
        `- ${step.tool_name} ${step.input_summary} → ${step.status}: ${step.output_summary ?? ""} (${step.times} times)`,
    );
  say(tx, run.id, {
    thread: call.thread,
    origin: "input",
    role: "user",
    content: [
      ...first.content,
      ...heard.flatMap(({ content }) => content),
      { type: "text", text: `[powerloom] Done so far:\n${lines.join("\n")}` },
    ],
  });
}
