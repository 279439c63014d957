import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { recheck } from "../../core/governance/gates.ts";
import type { ProposedCall, ToolOrder, ToolOutcome } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { appendRunEvents, findStep, type RunRow, requireRun, type StepRow } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { closeToolStep } from "./close-step.ts";
import { definitionOf } from "./definitions.ts";
import { startChild } from "./delegate.ts";
import type { RunDeps } from "./deps.ts";
import { gatherToolEvidence } from "./evidence.ts";
import { consumeLease } from "./leases.ts";
import { serverInForce } from "./mcp-tools.ts";
import { allowedTools, delegateTool } from "./offered-tools.ts";
import { answerTool } from "./propose.ts";
import { auditRun } from "./record.ts";
import { mostTokens } from "./request.ts";
import { mayRepeat } from "./tool-kinds.ts";
import { toolsOf } from "./tools-of-run.ts";

export interface Admitted {
  kind: "use";
  organisationId: string;
  run: RunRow;
  step: StepRow;
  spec: ToolSpec;
  definition: AgentDefinition;
  leaseId: string;
  allowedPaths: string[] | undefined;
  /** It was recorded that a bypass or an elevation let it through: an entry of the audit trail of this transaction. */
  told: boolean;
  /** An earlier attempt was lost while it ran, and it is not of the kind that may be repeated. */
  lost: boolean;
}

export type Begun = Admitted | { kind: "outcome"; run: RunRow; outcome: ToolOutcome; closed: boolean };

/**
 * Looks at rights, mode, elevation and lease of a call again, takes one call of the lease, and marks the call as running: in
 * the transaction of the caller.
 * @returns what is to be used, or the outcome when nothing is; `closed` when the step has ended with it
 */
export async function admitTool(deps: RunDeps, tx: Tx, order: ToolOrder): Promise<Begun> {
  const outcome = (one: ToolOutcome) => ({ kind: "outcome" as const, outcome: one, run, closed: false });
  const [step, run] = await Promise.all([findStep(tx, order.runId, order.stepId), requireRun(tx, order.runId)]);
  if (step === undefined) throw new Error(`no step ${order.stepId}`);
  const refused = (rule: string, reason: string) => ({
    ...outcome(refuse(tx, run, step, rule, reason)),
    closed: true,
  });
  if (step.facts != null) return outcome(step.facts as ToolOutcome);
  if (run.completed_at !== null)
    return outcome({ kind: "refused", rule: "run-over", reason: "the run has ended", promptTokens: 0 });
  if ("refused" in order.verdict) return refused(order.verdict.rule, order.verdict.reason);
  const definition = await definitionOf(tx, run);
  const spec = allowedTools(definition, await toolsOf(tx, deps, run)).find(({ name }) => name === step.tool_name);
  if (spec === undefined) return refused("tool-unknown", `there is no tool ${step.tool_name}`);
  if (spec.source.kind === "mcp") {
    const found = await serverInForce(tx, run, spec.source.server, deps.now());
    if (!found.ok) return refused(found.rule, found.reason);
  }

  const call = {
    tool: spec.name,
    readOnly: spec.readOnly,
    risk: spec.risk,
    agent: run.agent_id,
    contextHash: contextOf(step),
  };
  const now = deps.now();
  const [gathered, taken] = await Promise.all([
    gatherToolEvidence(tx, run, call, now),
    // An earlier attempt has taken its call of the lease already, maybe the last one.
    tx.maybe("select from lease_uses where run_id = $1 and step_id = $2", [run.id, step.step_id]),
  ]);
  const evidence = taken === undefined ? gathered : { ...gathered, lease: { ok: true as const } };
  const approved =
    order.verdict.approvalId === undefined ? false : await isApproved(tx, run, step, order.verdict.approvalId);
  const verdict = recheck(
    call,
    {
      ...evidence,
      elevations: approved || evidence.elevation === null ? [] : [{ ...call, ...evidence.elevation }],
      ...(approved ? { approval: { id: order.verdict.approvalId ?? "", status: "approved" as const } } : {}),
    },
    now.getTime(),
  );
  const changed = () =>
    outcome({ kind: "changed", call: { ...(step.decision?.["proposed"] as ProposedCall), ...evidence } });
  if (verdict.verdict === "ask") return changed();
  if (verdict.verdict === "refuse") return refused(verdict.rule, verdict.reason);
  const leaseId = await consumeLease(tx, { runId: run.id, tool: spec.name, stepId: step.step_id }, now);
  if (leaseId === undefined) return changed();

  const lost = step.status === "running" && !mayRepeat(spec);
  tx.send(
    "update agent_steps set status = 'running', decision = coalesce(decision, '{}') || $3 where run_id = $1 and step_id = $2",
    [
      run.id,
      step.step_id,
      JSON.stringify({
        verdict: "run",
        via: verdict.via,
        rule: verdict.rule,
        reason: verdict.reason,
        lease_id: leaseId,
      }),
    ],
  );
  const type = verdict.via === "bypass" ? "bypass" : verdict.via === "elevation" ? "elevation_used" : undefined;
  const origin = `${step.step_id}:${type}`;
  const told =
    type !== undefined &&
    step.status !== "running" &&
    // By an attempt that has gone no further.
    (await tx.maybe("select from run_events where run_id = $1 and origin = $2", [run.id, origin])) === undefined;
  if (told) {
    appendRunEvents(tx, run, [
      {
        origin,
        type,
        payload: { step_id: step.step_id, tool: spec.name, rule: verdict.rule },
      },
    ]);
    auditRun(tx, run, {
      id: `${run.id}/${step.step_id}`,
      operation: `run.${type}`,
      outcome: "applied",
      digest: step.args_digest,
      rule: verdict.rule,
      detail: { tool: spec.name, reason: verdict.reason },
    });
  }
  if (spec.name === delegateTool) return outcome(await startChild(deps, tx, run, step, definition));
  const paths = definition.constraints.find((one) => one.type === "path_constraint");
  return {
    kind: "use" as const,
    told,
    organisationId: order.organisationId,
    run,
    step,
    spec,
    definition,
    leaseId,
    allowedPaths: paths?.type === "path_constraint" ? [...paths.paths] : undefined,
    lost,
  };
}

/** Tells the model no, and why: a refusal is an answer to its call, and an entry of its own. */
function refuse(tx: Tx, run: RunRow, step: StepRow, rule: string, reason: string): ToolOutcome {
  const text = `Refused (${rule}): ${reason}`;
  const facts: ToolOutcome = { kind: "refused", rule, reason, promptTokens: mostTokens(text) };
  answerTool(tx, run.id, step, text, true);
  closeToolStep(tx, step, {
    status: "refused",
    facts,
    text,
    isError: true,
    ms: 0,
    decision: { verdict: "refuse", rule, reason },
  });
  appendRunEvents(tx, run, [
    { origin: step.step_id, type: "blocked", payload: { step_id: step.step_id, tool: step.tool_name, rule, reason } },
  ]);
  auditRun(tx, run, {
    id: `${run.id}/${step.step_id}`,
    operation: "run.step",
    outcome: "refused",
    target: `tool:${step.tool_name}`,
    digest: step.args_digest,
    rule,
    detail: { tool: step.tool_name, reason },
  });
  return facts;
}

/** The approval is of this very call: its arguments are the ones that were approved. */
async function isApproved(tx: Tx, run: RunRow, step: StepRow, approvalId: string): Promise<boolean> {
  const row = await tx.maybe(
    `select from permission_requests
      where request_id = $1 and run_id = $2 and step_id = $3 and decision = 'approved' and context ->> 'args_digest' = $4`,
    [approvalId, run.id, step.step_id, step.args_digest],
  );
  return row !== undefined;
}

function contextOf(step: StepRow): string {
  const proposed = step.decision?.["proposed"] as ProposedCall | undefined;
  if (proposed === undefined) throw new Error(`step ${step.step_id} was never proposed`);
  return proposed.contextHash;
}
