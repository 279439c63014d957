import { Context } from "@temporalio/activity";
import { digestOf, sha256Hex } from "../../core/canonical.ts";
import type { CheckedValue } from "../../core/hooks/subjects.ts";
import { observationOf } from "../../core/loop/observation.ts";
import type { OwnVerdict, ToolOrder, ToolOutcome } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";
import type { Tx } from "../../db/database.ts";
import { appendRunEvents, lockStep } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { parseOutput } from "../../tools/validate.ts";
import { type Attempt, Overtaken } from "../beats.ts";
import { type Admitted, admitTool, type Begun } from "./admit-tool.ts";
import { closeToolStep } from "./close-step.ts";
import type { RunDeps } from "./deps.ts";
import { type ToolResult, type Use, useTool } from "./execute.ts";
import { findPlan, type StoredPlan } from "./open-run.ts";
import { askOwnHooks, viewOf } from "./own-hooks.ts";
import { answerTool } from "./propose.ts";
import { auditRun, summaryOf, tellWatchers } from "./record.ts";
import { mostTokens } from "./request.ts";
import { tellStep } from "./tell-spans.ts";
import { isLook } from "./tool-kinds.ts";

/** Of a result, this much goes into the conversation; all of it is kept. */
const mostInPrompt = 100_000;

/**
 * Carries out one tool call, or records that it was refused. Rights, mode, elevation and lease are looked at again and one
 * call of the lease is taken in the transaction before (design §9). What an earlier attempt has finished is answered from
 * the row; what it may have half done is done again only when doing it twice is the same as once.
 */
export async function runTool(deps: RunDeps, order: ToolOrder, certain: Attempt["certain"]): Promise<ToolOutcome> {
  const use: Use = { signal: Context.current().cancellationSignal, beforeItIsDone: certain };
  const begun = await deps.db.inOrganisation(order.organisationId, async (tx): Promise<Begun> => {
    const admitted = await admitTool(deps, tx, order);
    if (admitted.kind === "outcome" || admitted.told || !isLook(admitted.spec, admitted.definition)) return admitted;
    const used = await useAndCheck(deps, order, admitted, use);
    return { kind: "outcome", run: admitted.run, outcome: await complete(tx, order, admitted, used), closed: true };
  });
  const ended = begun.kind === "outcome" ? begun : await useAndFinish(deps, order, begun, use);
  tellWatchers(deps, ended.run);
  if (ended.closed) tellStep(deps, order);
  return ended.outcome;
}

/** What using a tool has brought, and what the definition's own rules say of it. */
interface Brought {
  result: ToolResult;
  checked: CheckedValue;
  own: OwnVerdict;
  ms: number;
}

async function useAndCheck(deps: RunDeps, order: ToolOrder, admitted: Admitted, use: Use): Promise<Brought> {
  const since = performance.now();
  const result = await useTool(deps, admitted, use);
  const ms = performance.now() - since;
  const { run, spec, definition } = admitted;
  const checked: CheckedValue = {
    bytes: Buffer.byteLength(result.text),
    digest: sha256Hex(result.text),
    faults: result.error || spec.outputSchema === null ? [] : resultFaults(spec.outputSchema, result.text),
    repaired: false,
  };
  const own = await askOwnHooks(deps, definition, "after_tool", {
    run: viewOf(run, definition, "PERMISSION"),
    budget: order.budget,
    tool: { name: spec.name, risk: spec.risk, readOnly: spec.readOnly, delegateTo: null },
    result: { ...checked, error: result.error },
    alerts: [],
    loop: { level: "none", reason: "" },
  });
  return { result, checked, own, ms };
}

async function useAndFinish(
  deps: RunDeps,
  order: ToolOrder,
  admitted: Admitted,
  use: Use,
): Promise<Extract<Begun, { kind: "outcome" }>> {
  const { run, step } = admitted;
  const used = await useAndCheck(deps, order, admitted, use).catch(async (error: unknown) => {
    // Nothing was done, so the next attempt may; unless one that saw it running has closed it as lost.
    if (error instanceof Overtaken && step.status !== "running")
      await deps.db.inOrganisation(order.organisationId, (tx) =>
        tx.run(
          "update agent_steps set status = $3 where run_id = $1 and step_id = $2 and status = 'running' and facts is null",
          [run.id, step.step_id, step.status],
        ),
      );
    throw error;
  });
  return deps.db.inOrganisation(order.organisationId, async (tx) => {
    const now = await lockStep(tx, run.id, step.step_id);
    const known = now?.facts as ToolOutcome | null | undefined;
    if (known != null) return { kind: "outcome", run, outcome: known, closed: false };
    return { kind: "outcome", run, outcome: await complete(tx, order, admitted, used), closed: true };
  });
}

/** Ends the step with what its tool has brought: the answer in its thread, the event, the audit entry. */
async function complete(
  tx: Tx,
  order: ToolOrder,
  { run, step, spec }: Admitted,
  { result, checked, own, ms }: Brought,
): Promise<ToolOutcome> {
  const shown = shorten(result.text);
  const planned =
    order.planStep === null
      ? undefined
      : (await findPlan(tx, run))?.steps.find((one) => one.step === order.planStep && one.tool === step.tool_name);
  const facts: ToolOutcome = {
    kind: "done",
    error: result.error,
    result: checked,
    own,
    observation: observationOf(spec.name, step.args ?? {}, result.text, result.error, sha256Hex, spec.readOnly),
    asPlanned: planned !== undefined && digestOf(planned.args) === step.args_digest,
    unexpected: planned === undefined ? null : whatIsMissing(planned, result),
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
    detail: { step_num: step.step_num, tool: spec.name, status, result_digest: checked.digest },
  });
  return facts;
}

function resultFaults(schema: NonNullable<ToolSpec["outputSchema"]>, text: string): Fault[] {
  const parsed = parseOutput(text, schema, { repair: false });
  return parsed.ok ? [] : parsed.faults;
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
