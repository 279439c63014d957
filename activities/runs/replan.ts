import { digestOf } from "../../core/canonical.ts";
import { replacePending } from "../../core/plan/replan.ts";
import type { Adopted, AdoptOrder, ReplanOrder, ToolOutcome } from "../../core/runs/facts.ts";
import { appendRunEvents, findRun, requireRun } from "../../db/queries/runs.ts";
import { insertChild } from "./child-run.ts";
import { definitionByName } from "./definitions.ts";
import { capsOfDefinition } from "./delegate.ts";
import type { RunDeps } from "./deps.ts";
import { findPlan, type StoredPlan } from "./open-run.ts";
import { auditRun, tellWatchers } from "./record.ts";

/**
 * Makes the run of a planner that plans the rest of an executor's work anew: it is told the task, what is done, and which
 * step led in circles. The same round is the same run.
 */
export async function planAnew(
  deps: RunDeps,
  order: ReplanOrder,
): Promise<Extract<ToolOutcome, { kind: "delegated" }> | null> {
  const made = await deps.db.inOrganisation(order.organisationId, async (tx) => {
    const run = await requireRun(tx, order.runId, "lock");
    const definition = await definitionByName(tx, run, "planner");
    const plan = await findPlan(tx, run);
    if (definition === undefined || plan === undefined) return null;
    const label = `planner run in ${run.ou_path}`;
    const caps = capsOfDefinition(definition);
    const bodyDigest = digestOf({ parent: run.id, replan: order.round });
    const known = await tx.maybe<{ id: string }>(
      "select id from agent_runs where parent_run_id = $1 and body_digest = $2",
      [run.id, bodyDigest],
    );
    const delegated = (id: string) => ({ run, outcome: { kind: "delegated" as const, childRunId: id, label, caps } });
    if (known !== undefined) return delegated(known.id);
    const given = run.input["plan"];
    const first = typeof given === "string" ? await findRun(tx, given) : undefined;
    const stuck = plan.steps.find(({ step }) => step === order.step);
    const done = await tx.rows<{ plan_step: number; tool_name: string; output_summary: string | null }>(
      `select distinct on (plan_step) plan_step, tool_name, output_summary from agent_steps
        where run_id = $1 and step_type = 'tool_call' and status = 'success' and plan_step is not null
        order by plan_step, completed_at desc`,
      [run.id],
    );
    const context = [
      `A plan for this task is being carried out. Its step ${order.step} (${stuck?.tool ?? "unknown"}: ${stuck?.description ?? ""}) went in circles (${order.pattern}) and was given up.`,
      "Done so far, and not to be done again:",
      ...done.map((one) => `- step ${one.plan_step}: ${one.tool_name} → ${one.output_summary ?? ""}`),
      "Plan the rest in another way. Number the new steps from 1; what is done needs no dependency.",
    ].join("\n");
    const id = deps.newId();
    const asked = first?.input["task"];
    const input = { task: typeof asked === "string" ? asked : run.input_summary, context };
    await insertChild(tx, run, { id, agent: "planner", definition, input, budget: {}, bodyDigest });
    appendRunEvents(tx, run, [
      {
        origin: `replan:${order.round}`,
        type: "subagent_started",
        payload: { agent: "planner", child_run_id: id, replan: order.round },
      },
    ]);
    return delegated(id);
  });
  if (made === null) return null;
  tellWatchers(deps, made.run);
  return made.outcome;
}

/** Puts a new plan in the place of what has not been begun; what is done and what runs stays. */
export async function adoptPlan(deps: RunDeps, order: AdoptOrder): Promise<Adopted> {
  const { run, adopted } = await deps.db.inOrganisation(order.organisationId, async (tx) => {
    const run = await requireRun(tx, order.runId, "lock");
    const planner = await requireRun(tx, order.plannerRunId);
    const none = (reason: string) => ({ run, adopted: { kind: "none" as const, reason } });
    if (planner.status !== "completed" || planner.plan === null) return none("the planner made no plan");
    const fresh = (planner.plan as unknown as StoredPlan).steps;
    const replaced = replacePending(
      order.steps,
      order.progress,
      fresh.map(({ step, tool, depends_on }) => ({ step, tool, dependsOn: [...depends_on] })),
    );
    if (!replaced.ok) return none(replaced.reason);
    const answer = { run, adopted: { kind: "adopted" as const, steps: replaced.steps, progress: replaced.progress } };
    // By an attempt whose answer was lost: a newer plan may be in its place by now.
    const origin = `adopted:${planner.id}`;
    const known = await tx.maybe("select from run_events where run_id = $1 and origin = $2", [run.id, origin]);
    if (known !== undefined) return answer;
    const before = await findPlan(tx, run);
    const kept = (before?.steps ?? []).filter(({ step }) => replaced.progress.status[step] !== "pending");
    const added = fresh.map((one) => ({
      ...one,
      step: replaced.numbers[one.step] ?? one.step,
      depends_on: one.depends_on.map((need) => replaced.numbers[need] ?? need),
    }));
    await tx.run("update agent_runs set plan = $2 where id = $1", [
      run.id,
      JSON.stringify({ ...planner.plan, steps: [...kept, ...added] }),
    ]);
    appendRunEvents(tx, run, [
      {
        origin,
        type: "replanned",
        payload: { planner_run_id: planner.id, kept: kept.length, added: added.length },
      },
    ]);
    auditRun(tx, run, {
      id: `${run.id}/adopted/${planner.id}`,
      operation: "run.replanned",
      outcome: "applied",
      detail: { planner_run_id: planner.id, kept: kept.length, added: added.length },
    });
    return answer;
  });
  tellWatchers(deps, run);
  return adopted;
}
