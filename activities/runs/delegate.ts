import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { digestOf } from "../../core/canonical.ts";
import type { RunRef } from "../../core/ids.ts";
import type { RunCaps, ToolOutcome } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { appendRunEvents, findStep, type RunRow, requireRun, type StepRow } from "../../db/queries/runs.ts";
import { insertChild } from "./child-run.ts";
import { closeToolStep } from "./close-step.ts";
import { definitionByName } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { answerTool } from "./propose.ts";
import { tellWatchers } from "./record.ts";
import { mostTokens } from "./request.ts";
import { tellStep } from "./tell-spans.ts";

/**
 * Makes the run of a subagent: for the same person, at the same OU, in the version pinned when the tree started, linked
 * both ways. Asked twice for the same step it is the same run.
 */
export async function startChild(
  deps: RunDeps,
  tx: Tx,
  run: RunRow,
  step: StepRow,
  definition: AgentDefinition,
): Promise<ToolOutcome> {
  const name = String(step.args?.["agent"]);
  const child = definition.delegates.includes(name) ? await definitionByName(tx, run, name) : undefined;
  if (child === undefined) throw new Error(`run ${run.id} may not delegate to ${name}`);
  const label = `${name} run in ${run.ou_path}`;
  const caps = capsOfDefinition(child);
  if (step.child_run_id !== null) return { kind: "delegated", childRunId: step.child_run_id, label, caps };
  const id = deps.newId();
  const given = step.args?.["input"];
  const input = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  await insertChild(tx, run, {
    id,
    agent: name,
    definition: child,
    input,
    budget: child.budget?.wall_seconds === undefined ? {} : { wall_seconds: child.budget.wall_seconds },
    bodyDigest: digestOf({ parent: run.id, step: step.step_id }),
  });
  await tx.run("update agent_steps set child_run_id = $3 where run_id = $1 and step_id = $2", [
    run.id,
    step.step_id,
    id,
  ]);
  appendRunEvents(tx, run, [
    {
      origin: `${step.step_id}:child`,
      type: "subagent_started",
      payload: { step_id: step.step_id, agent: name, child_run_id: id },
    },
  ]);
  return { kind: "delegated", childRunId: id, label, caps };
}

/** Returns a subagent's result to the run that started it, as the answer to its call. */
export async function returnResult(
  deps: RunDeps,
  ref: RunRef & { stepId: string; childRunId: string },
): Promise<{ promptTokens: number; failed: boolean }> {
  const { run, closed, ...answer } = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    const [step, run, child] = await Promise.all([
      findStep(tx, ref.runId, ref.stepId),
      requireRun(tx, ref.runId),
      requireRun(tx, ref.childRunId),
    ]);
    if (step === undefined) throw new Error(`no step ${ref.stepId}`);
    const failed = child.status !== "completed";
    const text = JSON.stringify({
      run_id: child.id,
      agent: child.agent_id,
      status: failed ? (child.status === "failed" ? "failed" : "stopped") : "completed",
      output: child.output,
      ...(child.reason === null || !failed ? {} : { reason: child.reason.reason }),
    });
    const promptTokens = mostTokens(text);
    if (step.facts != null) return { run, promptTokens, failed, closed: false };
    answerTool(tx, run.id, step, text, failed);
    closeToolStep(tx, step, {
      status: failed ? "failed" : "success",
      facts: { childRunId: child.id },
      text,
      isError: failed,
      ms: child.completed_at === null ? 0 : child.completed_at.getTime() - child.created_at.getTime(),
    });
    appendRunEvents(tx, run, [
      {
        origin: step.step_id,
        type: "subagent_ended",
        payload: { step_id: step.step_id, agent: child.agent_id, child_run_id: child.id, status: child.status },
      },
    ]);
    return { run, promptTokens, failed, closed: true };
  });
  tellWatchers(deps, run);
  if (closed) tellStep(deps, ref);
  return answer;
}

/** The limits that a definition fixes for itself. */
export function capsOfDefinition({ budget }: AgentDefinition): RunCaps {
  return {
    ...(budget.tokens === undefined ? {} : { tokens: budget.tokens }),
    ...(budget.cost_usd === undefined ? {} : { costMicros: Math.round(budget.cost_usd * 1_000_000) }),
    ...(budget.calls === undefined ? {} : { calls: budget.calls }),
  };
}
