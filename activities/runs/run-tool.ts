import { Context } from "@temporalio/activity";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { digestOf, sha256Hex } from "../../core/canonical.ts";
import { recheck } from "../../core/governance/gates.ts";
import type { CheckedValue } from "../../core/hooks/subjects.ts";
import { observationOf } from "../../core/loop/observation.ts";
import type { OwnVerdict, ProposedCall, ToolOrder, ToolOutcome } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";
import { appendRunEvents, findStep, lockStep, type RunRow, requireRun, type StepRow } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { parseOutput } from "../../tools/validate.ts";
import { closeToolStep } from "./close-step.ts";
import { definitionOf } from "./definitions.ts";
import { startChild } from "./delegate.ts";
import type { RunDeps } from "./deps.ts";
import { gatherToolEvidence } from "./evidence.ts";
import { type ToolResult, useTool } from "./execute.ts";
import { consumeLease } from "./leases.ts";
import { serverInForce } from "./mcp-tools.ts";
import { allowedTools, delegateTool } from "./offered-tools.ts";
import { findPlan, type StoredPlan } from "./open-run.ts";
import { askOwnHooks, viewOf } from "./own-hooks.ts";
import { answerTool } from "./propose.ts";
import { auditRun, summaryOf, tellWatchers } from "./record.ts";
import { mostTokens } from "./request.ts";
import { tellStep } from "./tell-spans.ts";
import { mayRepeat } from "./tool-kinds.ts";
import { toolsOf } from "./tools-of-run.ts";

/** Of a result, this much goes into the conversation; all of it is kept. */
const mostInPrompt = 100_000;

/**
 * Carries out one tool call, or records that it was refused. Rights, mode, elevation and lease are looked at again and one
 * call of the lease is taken in the transaction before (design §9). What an earlier attempt has finished is answered from
 * the row; what it may have half done is done again only when doing it twice is the same as once.
 */
export async function runTool(deps: RunDeps, order: ToolOrder): Promise<ToolOutcome> {
  const begun = await begin(deps, order);
  if (begun.kind === "outcome" && begun.closed) tellStep(deps, order);
  if (begun.kind === "outcome") return begun.outcome;
  const since = performance.now();
  const result = await useTool(deps, begun, Context.current().cancellationSignal);
  return await finish(deps, order, begun, result, performance.now() - since);
}

export interface Admitted {
  kind: "use";
  organisationId: string;
  run: RunRow;
  step: StepRow;
  spec: ToolSpec;
  definition: AgentDefinition;
  leaseId: string;
  allowedPaths: string[] | undefined;
  /** An earlier attempt was lost while it ran, and it is not of the kind that may be repeated. */
  lost: boolean;
}

type Begun = Admitted | { kind: "outcome"; outcome: ToolOutcome; closed?: true };

async function begin(deps: RunDeps, order: ToolOrder): Promise<Begun> {
  const begun = await deps.db.inOrganisation(order.organisationId, async (tx) => {
    const outcome = (one: ToolOutcome) => ({ kind: "outcome" as const, outcome: one, run });
    const [step, run] = await Promise.all([findStep(tx, order.runId, order.stepId), requireRun(tx, order.runId)]);
    if (step === undefined) throw new Error(`no step ${order.stepId}`);
    const refused = (rule: string, reason: string) => ({
      ...outcome(refuse(tx, run, step, rule, reason)),
      closed: true as const,
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
    if (step.status !== "running" && (verdict.via === "bypass" || verdict.via === "elevation")) {
      const type = verdict.via === "bypass" ? "bypass" : "elevation_used";
      appendRunEvents(tx, run, [
        {
          origin: `${step.step_id}:${type}`,
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
      organisationId: order.organisationId,
      run,
      step,
      spec,
      definition,
      leaseId,
      allowedPaths: paths?.type === "path_constraint" ? [...paths.paths] : undefined,
      lost,
    };
  });
  if (begun.kind === "outcome") tellWatchers(deps, begun.run);
  return begun;
}

async function finish(
  deps: RunDeps,
  order: ToolOrder,
  { run, step, spec, definition }: Admitted,
  result: ToolResult,
  ms: number,
): Promise<ToolOutcome> {
  const shown = shorten(result.text);
  const checked: CheckedValue = {
    bytes: Buffer.byteLength(result.text),
    digest: sha256Hex(result.text),
    faults: result.error || spec.outputSchema === null ? [] : resultFaults(spec.outputSchema, result.text),
    repaired: false,
  };
  const own = await ownAfterTool(deps, order, run, definition, spec, { ...checked, error: result.error });
  let closed = false;
  const outcome = await deps.db.inOrganisation(order.organisationId, async (tx): Promise<ToolOutcome> => {
    const now = await lockStep(tx, run.id, step.step_id);
    if (now?.facts != null) return now.facts as ToolOutcome;
    const planned =
      order.planStep === null
        ? undefined
        : (await findPlan(tx, run))?.steps.find((one) => one.step === order.planStep && one.tool === step.tool_name);
    const unexpected = planned === undefined ? null : whatIsMissing(planned, result);
    const facts: ToolOutcome = {
      kind: "done",
      error: result.error,
      result: checked,
      own,
      observation: observationOf(spec.name, step.args ?? {}, result.text, result.error, sha256Hex, spec.readOnly),
      asPlanned: planned !== undefined && digestOf(planned.args) === step.args_digest,
      unexpected,
      promptTokens: mostTokens(shown),
    };
    const status = result.timedOut ? "timeout" : result.error ? "failed" : "success";
    answerTool(tx, run.id, step, shown, result.error);
    closeToolStep(tx, step, { status, facts, text: result.text, isError: result.error, ms });
    appendRunEvents(tx, run, [
      {
        origin: step.step_id,
        type: "run_step",
        payload: {
          step_id: step.step_id,
          step_num: step.step_num,
          plan_step: step.plan_step,
          tool: spec.name,
          status,
          input: step.input_summary,
          output: summaryOf(result.text),
          duration_ms: Math.round(ms),
        },
      },
    ]);
    auditRun(tx, run, {
      id: `${run.id}/${step.step_id}`,
      operation: "run.step",
      outcome: result.error ? "failed" : "applied",
      target: `tool:${spec.name}`,
      digest: step.args_digest,
      rule: order.verdict.rule,
      approvalId: "approvalId" in order.verdict ? (order.verdict.approvalId ?? null) : null,
      detail: { step_num: step.step_num, tool: spec.name, status, result_digest: sha256Hex(result.text) },
    });
    closed = true;
    return facts;
  });
  tellWatchers(deps, run);
  if (closed) tellStep(deps, order);
  return outcome;
}

function resultFaults(schema: NonNullable<ToolSpec["outputSchema"]>, text: string): Fault[] {
  const parsed = parseOutput(text, schema, { repair: false });
  return parsed.ok ? [] : parsed.faults;
}

async function ownAfterTool(
  deps: RunDeps,
  order: ToolOrder,
  run: RunRow,
  definition: AgentDefinition,
  spec: ToolSpec,
  result: CheckedValue & { error: boolean },
): Promise<OwnVerdict> {
  return askOwnHooks(deps, definition, "after_tool", {
    run: viewOf(run, definition, "PERMISSION"),
    budget: order.budget,
    tool: { name: spec.name, risk: spec.risk, readOnly: spec.readOnly, delegateTo: null },
    result,
    alerts: [],
    loop: { level: "none", reason: "" },
  });
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

function whatIsMissing({ expect }: StoredPlan["steps"][number], result: ToolResult): string | null {
  if (result.error) return "the tool failed";
  if (expect?.exit_code !== undefined && result.exitCode !== expect.exit_code)
    return `exit code ${expect.exit_code} was expected, it is ${result.exitCode ?? "none"}`;
  if (expect?.contains !== undefined && !result.text.includes(expect.contains))
    return "the expected text is not in the result";
  if (expect?.not_contains !== undefined && result.text.includes(expect.not_contains))
    return "the result has text that was not to be there";
  return null;
}

function shorten(text: string): string {
  if (text === "") return "(no output)";
  if (text.length <= mostInPrompt) return text;
  const half = mostInPrompt / 2;
  return `${text.slice(0, half)}\n… ${text.length - mostInPrompt} characters left out …\n${text.slice(-half)}`;
}
