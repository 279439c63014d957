import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { sha256Hex } from "../../core/canonical.ts";
import { checkPlan } from "../../core/plan/plan.ts";
import type { FinalFacts, ModelCall, PlannedStep } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { parseOutput } from "../../tools/validate.ts";
import { definitionByName } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { allowedTools } from "./offered-tools.ts";
import { summaryOf } from "./record.ts";

interface Answer {
  run: RunRow;
  definition: AgentDefinition;
  call: ModelCall;
  content: readonly { type: string; [key: string]: unknown }[];
  stop: string;
}

/**
 * Reads a final answer: the text must be JSON that fits the output schema, and what is a plan must be one that can be run.
 * A valid one is stored as the run's output, or as the planned step's result.
 */
export async function readFinal(
  deps: RunDeps,
  tx: Tx,
  { run, definition, call, content, stop }: Answer,
): Promise<FinalFacts> {
  const text = content.flatMap((block) => (block.type === "text" ? [String(block["text"])] : [])).join("");
  const isPlan = definition.hooks_enabled.includes("on_plan");
  const refused = (message: string): FinalFacts => ({
    faults: [{ pointer: "", message }],
    repaired: false,
    plan: null,
    isPlan,
    gaveUp: false,
    digest: sha256Hex(text),
    bytes: Buffer.byteLength(text),
  });
  if (stop === "max_tokens") return refused("the answer was cut off at the output limit; it must be shorter");
  if (stop === "refusal") return refused("the model declined to answer");
  const repair = definition.hook_strictness.schema_validation === "repair";
  const parsed = parseOutput(text, definition.output_schema, { repair });
  if (!parsed.ok) return { ...refused(""), faults: parsed.faults };
  const output = storable(parsed.value) as Record<string, unknown>;

  let plan: PlannedStep[] | null = null;
  if (isPlan) {
    const executor = await definitionByName(tx, run, "executor");
    const tools = executor === undefined ? [] : allowedTools(executor, deps.tools);
    const maxSteps = maxStepsOf(definition);
    const checked = checkPlan(output, { tools, maxSteps, readOnly: false });
    if (!checked.ok) return { ...refused(""), faults: checked.faults };
    plan = checked.plan.steps.map(({ step, tool, depends_on }) => ({ step, tool, dependsOn: [...depends_on] }));
    await tx.run("update agent_runs set plan = $2 where id = $1", [run.id, JSON.stringify(checked.plan)]);
  }
  if (call.planStep === null)
    await tx.run("update agent_runs set output = $2, output_summary = $3 where id = $1", [
      run.id,
      JSON.stringify(output),
      summaryOf(output),
    ]);
  else
    await tx.run("update agent_steps set result = $3 where run_id = $1 and step_id = $2", [
      run.id,
      call.stepId,
      JSON.stringify(output),
    ]);
  const status = output["status"];
  return {
    faults: [],
    repaired: parsed.repaired.length > 0,
    plan,
    isPlan,
    digest: sha256Hex(text),
    gaveUp: status === "failed" || status === "refused",
    bytes: Buffer.byteLength(text),
  };
}

/** How many steps of a plan or of a conversation a definition allows. */
export function maxStepsOf(definition: AgentDefinition): number {
  const limit = definition.constraints.find((one) => one.type === "max_steps");
  return limit?.type === "max_steps" ? limit.value : 50;
}
