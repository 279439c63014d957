import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { sha256Hex } from "../../core/canonical.ts";
import { checkPlan } from "../../core/plan/plan.ts";
import type { FinalFacts, ModelCall, PlannedStep } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { storable } from "../../db/storable.ts";
import { parseOutput } from "../../tools/validate.ts";
import { incoherences } from "./coherence.ts";
import { definitionByName } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { allowedTools } from "./offered-tools.ts";
import { askOwnHooks, passed, viewOf } from "./own-hooks.ts";
import { summaryOf } from "./record.ts";
import { toolsOf } from "./tools-of-run.ts";

interface Answer {
  run: RunRow;
  definition: AgentDefinition;
  call: ModelCall;
  content: readonly { type: string; [key: string]: unknown }[];
  stop: string;
  model: string;
}

/** A final answer, read and checked; not stored yet. */
export interface ReadAnswer {
  facts: FinalFacts;
  output: Record<string, unknown> | null;
  plan: unknown;
}

/**
 * Reads a final answer: the text must be JSON that fits the output schema, what is a plan must be one that can be run, and
 * the definition's own rules must let it pass.
 */
export async function readFinal(deps: RunDeps, answer: Answer): Promise<ReadAnswer> {
  const { run, definition, call, content, stop, model } = answer;
  const text = content.flatMap((block) => (block.type === "text" ? [String(block["text"])] : [])).join("");
  const isPlan = definition.hooks_enabled.includes("on_plan");
  const facts = (faults: Fault[], repaired = false): FinalFacts => ({
    output: { bytes: Buffer.byteLength(text), digest: sha256Hex(text), faults, repaired },
    coherence: null,
    own: passed,
    plan: null,
    isPlan,
    gaveUp: false,
  });
  const refused = (faults: Fault[]): ReadAnswer => ({ facts: facts(faults), output: null, plan: null });
  if (stop === "max_tokens")
    return refused([{ pointer: "", message: "the answer was cut off at the output limit; it must be shorter" }]);
  if (stop === "refusal") return refused([{ pointer: "", message: "the model declined to answer" }]);
  const repair = definition.hook_strictness.schema_validation === "repair";
  const parsed = parseOutput(text, definition.output_schema, { repair });
  if (!parsed.ok) return refused(parsed.faults);
  const output = storable(parsed.value) as Record<string, unknown>;
  const view = viewOf(run, definition, "PERMISSION");
  const read = facts([], parsed.repaired.length > 0);

  if (isPlan) {
    const { executor, all } = await deps.db.readOrganisation(call.organisationId, async (sql) => ({
      executor: await definitionByName(sql, run, "executor"),
      all: await toolsOf(sql, deps, run),
    }));
    const tools = executor === undefined ? [] : allowedTools(executor, all);
    const checked = checkPlan(output, { tools, maxSteps: maxStepsOf(definition), readOnly: false });
    if (!checked.ok) return refused(checked.faults);
    read.plan = checked.plan.steps.map(
      ({ step, tool, depends_on }): PlannedStep => ({ step, tool, dependsOn: [...depends_on] }),
    );
    read.own = await askOwnHooks(deps, definition, "on_plan", {
      run: view,
      budget: call.budget,
      answeredBy: model,
      plan: { steps: read.plan.length, tools: [...new Set(read.plan.map(({ tool }) => tool))], faults: [] },
      grant: definition,
    });
    if (read.own.kind !== "pass") return { facts: read, output: null, plan: null };
    const finalised = await finalise(deps, answer, read, output);
    return { ...finalised, plan: checked.plan };
  }
  return finalise(deps, answer, read, output);
}

async function finalise(
  deps: RunDeps,
  { run, definition, call, model }: Answer,
  facts: FinalFacts,
  output: Record<string, unknown>,
): Promise<ReadAnswer> {
  const { coherence } = definition.hook_strictness;
  if (coherence !== "off") {
    const faults = await deps.db.readOrganisation(call.organisationId, (sql) => incoherences(sql, run.id, output));
    facts.coherence = { faults, strictness: coherence };
  }
  facts.own = await askOwnHooks(deps, definition, "before_finalize", {
    run: viewOf(run, definition, "PERMISSION"),
    budget: call.budget,
    answeredBy: model,
    output: facts.output,
    coherence: facts.coherence,
    content: output,
  });
  const status = output["status"];
  facts.gaveUp = status === "failed" || status === "refused";
  const bad = facts.own.kind !== "pass" || (facts.coherence?.faults.length ?? 0) > 0;
  return { facts, output: bad ? null : output, plan: null };
}

/** Stores a valid answer as the run's output, or as its planned step's result. Sent without waiting. */
export function storeFinal(tx: Tx, run: RunRow, call: ModelCall, { output, plan }: ReadAnswer): void {
  if (output === null) return;
  if (call.planStep !== null) {
    tx.send("update agent_steps set result = $3 where run_id = $1 and step_id = $2", [
      run.id,
      call.stepId,
      JSON.stringify(output),
    ]);
    return;
  }
  tx.send("update agent_runs set output = $2, output_summary = $3, plan = coalesce($4, plan) where id = $1", [
    run.id,
    JSON.stringify(output),
    summaryOf(output),
    plan === null ? null : JSON.stringify(plan),
  ]);
}

/** How many steps of a plan or of a conversation a definition allows. */
export function maxStepsOf(definition: AgentDefinition): number {
  const limit = definition.constraints.find((one) => one.type === "max_steps");
  return limit?.type === "max_steps" ? limit.value : 50;
}
