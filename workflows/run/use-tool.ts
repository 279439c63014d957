import { ChildWorkflowCancellationType, executeChild, isCancellation, ParentClosePolicy } from "@temporalio/workflow";
import { closeChild, openChild } from "../../core/budget/slices.ts";
import { type BudgetRefusal, rootNode } from "../../core/budget/tree.ts";
import { view } from "../../core/budget/view.ts";
import { gate } from "../../core/governance/gates.ts";
import type { ToolSubject } from "../../core/hooks/subjects.ts";
import { type RunId, workflowIds } from "../../core/ids.ts";
import type {
  PermissionState,
  ProposedCall,
  RunCaps,
  RunResult,
  ToolOrder,
  ToolOutcome,
} from "../../core/runs/facts.ts";
import type { agentRun } from "../agent-run.ts";
import { workflowTaskTimeout } from "../messages.ts";
import { childAttributes } from "../status-board.ts";
import { records, runShortTool, work } from "./activities.ts";
import { charge } from "./ask-model.ts";
import { ownEdition } from "./edition.ts";
import { RunEnding } from "./ending.ts";
import { askHooks, budgetUse, runView } from "./hooks.ts";
import { budgetMet, untilDecided } from "./raise-budget.ts";
import type { Run, ThreadState } from "./state.ts";

export interface Used {
  call: ProposedCall;
  outcome: Extract<ToolOutcome, { kind: "done" | "refused" }>;
}

/** Takes one proposed call through the gates, in the order of design §9, and carries it out or has it refused. */
export async function useTool(
  run: Run,
  thread: ThreadState,
  proposed: ProposedCall,
  planStep: number | null,
  answeredBy: string,
): Promise<Used> {
  const hooks = await askHooks(run, "before_tool", subjectOf(run, proposed, answeredBy), proposed.own, proposed.stepId);
  let call = proposed;
  let approval: PermissionState | undefined;
  let asked = 0;
  for (let round = 1; ; round += 1) {
    const verdict = hooks.kind === "refuse" ? { verdict: "refuse" as const, ...hooks } : decide(run, call, approval);
    if (verdict.verdict === "ask") {
      asked += 1;
      approval = await permission(run, call, verdict, asked);
      continue;
    }
    const order: ToolOrder["verdict"] =
      verdict.verdict === "refuse"
        ? { refused: true, rule: verdict.rule, reason: verdict.reason }
        : {
            via: verdict.via,
            rule: verdict.rule,
            reason: verdict.reason,
            ...(approval?.status === "approved" ? { approvalId: approval.requestId } : {}),
          };
    const carryOut = call.short === true || "refused" in order ? runShortTool : work.runTool;
    const outcome = await carryOut({
      ...run.ref,
      thread: thread.name,
      stepId: call.stepId,
      verdict: order,
      planStep,
      budget: budgetUse(run),
    });
    switch (outcome.kind) {
      case "done":
      case "refused":
        return { call, outcome };
      case "delegated":
        return { call, outcome: await delegate(run, call, outcome) };
      case "changed":
        if (round > 5)
          throw new RunEnding("failed", "evidence-unstable", `the evidence for ${call.tool} keeps changing`);
        call = outcome.call;
        // What was approved has been used up in vain, or is not enough: decided anew on what holds now.
        if (call.lease?.ok === false) approval = undefined;
        break;
    }
  }
}

function subjectOf(run: Run, call: ProposedCall, answeredBy: string): ToolSubject {
  const { opened, toolCalls } = run.state;
  // A lease that has run out is the gate's to judge: an approval can renew it.
  const gone = call.lease?.ok === false && call.lease.reason !== "expired" && call.lease.reason !== "exhausted";
  return {
    run: { ...runView(run), mode: call.mode.mode },
    budget: budgetUse(run),
    answeredBy,
    tool: { name: call.tool, risk: call.risk, readOnly: call.readOnly, delegateTo: call.delegateTo },
    arguments: call.arguments,
    contextHash: call.contextHash,
    paths: call.paths,
    grant: opened.grant,
    callsMade: toolCalls - 1,
    lease: gone ? call.lease : null,
  };
}

function decide(run: Run, call: ProposedCall, approval: PermissionState | undefined): ReturnType<typeof gate> {
  const { opened } = run.state;
  return gate(
    { tool: call.tool, readOnly: call.readOnly, risk: call.risk, agent: opened.agent, contextHash: call.contextHash },
    {
      rights: call.rights,
      lease: call.lease,
      mode: call.mode,
      elevations:
        call.elevation === null
          ? []
          : [{ ...call.elevation, agent: opened.agent, tool: call.tool, contextHash: call.contextHash }],
      ...(approval === undefined ? {} : { approval: { id: approval.requestId, status: approval.status } }),
    },
    Date.now(),
  );
}

/** Asks people, and waits for as long as they may take. */
async function permission(
  run: Run,
  call: ProposedCall,
  { rule, reason }: { rule: string; reason: string },
  round: number,
): Promise<PermissionState> {
  const asked = await records.askPermission({ ...run.ref, stepId: call.stepId, round, rule, reason });
  run.say(
    "waiting",
    `approval of ${call.tool} (${asked.requestId}), expires ${new Date(asked.expiresAt).toISOString()}`,
  );
  const state = await untilDecided(run, asked, (requestId) => records.settlePermission({ ...run.ref, requestId }));
  run.say("running", `${call.tool} was ${state.status}`);
  return state;
}

/** Has a subagent do its work, and takes its result as the answer to the call. */
async function delegate(
  run: Run,
  call: ProposedCall,
  child: Extract<ToolOutcome, { kind: "delegated" }>,
): Promise<Used["outcome"]> {
  await runChild(run, child);
  const { promptTokens, failed } = await records.returnResult({
    ...run.ref,
    stepId: call.stepId,
    childRunId: child.childRunId,
  });
  return {
    kind: "done",
    error: failed,
    result: { bytes: promptTokens, digest: "", faults: [], repaired: false },
    own: { kind: "pass", rule: "", reason: "" },
    observation: null,
    asPlanned: true,
    unexpected: null,
    promptTokens,
  };
}

/** Runs a subagent on a slice of this run's budget; what it does not use comes back. */
export async function runChild(
  run: Run,
  { childRunId, label, caps }: Extract<ToolOutcome, { kind: "delegated" }>,
): Promise<void> {
  let slice = sliceFor(run, caps);
  for (let short = shortOf(run, slice, caps); short !== null; short = shortOf(run, slice, caps)) {
    await budgetMet(run, short);
    slice = sliceFor(run, caps);
  }
  const drawn = openChild(run.state.budget, rootNode, childRunId, slice);
  if (!drawn.ok) throw new RunEnding("stopped", "budget-exhausted", drawn.reason);
  run.state.budget = drawn.state;
  let used: RunResult | "unknown" = "unknown";
  let cancelled: unknown;
  try {
    used = await executeChild<typeof agentRun>("agentRun", {
      workflowId: workflowIds.agentRun(childRunId),
      args: [
        { organisationId: run.ref.organisationId, runId: childRunId as RunId, caps: slice, edition: ownEdition() },
      ],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      workflowTaskTimeout,
      staticSummary: label,
      typedSearchAttributes: childAttributes(),
    });
  } catch (error) {
    if (isCancellation(error)) cancelled = error;
  }
  await charge(
    run,
    closeChild(
      run.state.budget,
      childRunId,
      used === "unknown" ? "unknown" : { tokens: used.tokens, costMicros: used.costMicros, calls: used.calls },
    ),
  );
  if (used !== "unknown") {
    const { below } = run.state;
    run.state.below = {
      tokens: below.tokens + used.tokens,
      costMicros: below.costMicros + used.costMicros,
      calls: below.calls + used.calls,
    };
  }
  if (cancelled !== undefined) throw cancelled;
}

/** A subagent that could not be given even one answer's tokens had better not begin, where people can be asked for more. */
function shortOf({ state }: Run, slice: RunCaps, own: RunCaps): BudgetRefusal | null {
  if (state.opened.mayAskForBudget !== true || slice.tokens === undefined) return null;
  const needed = Math.min(own.tokens ?? Number.MAX_SAFE_INTEGER, 2 * state.opened.maxOutputTokens);
  if (slice.tokens >= needed) return null;
  const reason = `a subagent needs ${needed} tokens at least and could be given ${slice.tokens}`;
  return { ok: false, node: rootNode, unit: "tokens", needed: 2 * needed, available: slice.tokens, reason };
}

/** A subagent's own limits, or what is left, less enough for this run to take up its answer. */
function sliceFor(run: Run, caps: RunCaps): RunCaps {
  const { opened, budget } = run.state;
  const left = view(budget, rootNode);
  const keep = { tokens: 2 * opened.maxOutputTokens + opened.promptTokens, calls: 2 };
  const keepCost = Math.ceil((keep.tokens * opened.rates.output) / 1_000_000);
  const share = (own: number | undefined, leftOver: number | null | undefined, kept: number): number | undefined => {
    if (leftOver === null || leftOver === undefined) return own;
    // Of little, half: the answer must still be read.
    const most = Math.max(Math.floor(leftOver / 2), leftOver - kept);
    return Math.max(0, Math.min(own ?? most, most));
  };
  const tokens = share(caps.tokens, left?.tokens.left, keep.tokens);
  const costMicros = share(caps.costMicros, left?.costMicros.left, keepCost);
  const calls = share(caps.calls, left?.calls.left, keep.calls);
  return {
    ...(tokens === undefined ? {} : { tokens }),
    ...(costMicros === undefined ? {} : { costMicros }),
    ...(calls === undefined ? {} : { calls }),
    ...(left?.deadline == null ? {} : { deadline: left.deadline }),
  };
}
