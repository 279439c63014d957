import { digestOf, sha256Hex } from "../../core/canonical.ts";
import { type RunRef, workflowIds } from "../../core/ids.ts";
import type { PermissionAsk, PermissionState, ProposedCall } from "../../core/runs/facts.ts";
import type { Tx } from "../../db/database.ts";
import { decideApproval, decisionOn, findApproval, insertApproval } from "../../db/queries/approvals.ts";
import {
  appendRunEvents,
  findStep,
  type RunRow,
  requireRun,
  type StepRow,
  stopWaitingFor,
  waitFor,
} from "../../db/queries/runs.ts";
import { contextKey } from "../../tools/context-key.ts";
import { definitionOf } from "./definitions.ts";
import type { RunDeps } from "./deps.ts";
import { readMode } from "./evidence.ts";
import { grantLease } from "./leases.ts";
import { artifactsOf } from "./permission-artifacts.ts";
import { auditRun, summaryOf, tellWatchers } from "./record.ts";
import { toolsOf } from "./tools-of-run.ts";

/** How long people have to decide, milliseconds. */
const expiryMs = 24 * 3_600_000;
/** How long the same agent may do the same thing again without asking, milliseconds. */
const elevationMs = 300_000;

/**
 * Asks the Approvers at the run's OU to let one tool call pass. Asked again in the same round it is the same request,
 * whatever has become of it: work that is repeated must not ask people once more what they have decided.
 */
export async function askPermission(deps: RunDeps, ask: PermissionAsk): Promise<PermissionState> {
  const { run, state } = await deps.db.inOrganisation(ask.organisationId, async (tx) => {
    const [step, run] = await Promise.all([findStep(tx, ask.runId, ask.stepId), requireRun(tx, ask.runId)]);
    if (step === undefined) throw new Error(`no step ${ask.stepId}`);
    const requestId = `perm_${sha256Hex(`${run.id}/${step.step_id}/${ask.round}`).slice(0, 32)}`;
    const before = await findApproval(tx, requestId);
    if (before !== undefined)
      return { run, state: { requestId, status: "pending" as const, expiresAt: before.expires_at.getTime() } };
    return { run, state: await request(deps, tx, run, step, ask, requestId) };
  });
  tellWatchers(deps, run);
  return state;
}

async function request(
  deps: RunDeps,
  tx: Tx,
  run: RunRow,
  step: StepRow,
  ask: PermissionAsk,
  requestId: string,
): Promise<PermissionState> {
  const now = deps.now();
  const tool = step.tool_name ?? "";
  const args = step.args ?? {};
  const proposed = step.decision?.["proposed"] as ProposedCall;
  const server = await serverOf(deps, tx, run, tool);
  const call = {
    run_id: run.id,
    step_id: step.step_id,
    agent: run.agent_id,
    tool,
    ...(server === undefined ? {} : { server }),
    arguments: args,
    why: ask.reason,
  };
  const digest = digestOf(call);
  const summary = `Agent ${run.agent_id} calls ${tool} for ${run.requester_email} in ${run.ou_path}`;
  const expiresAt = new Date(now.getTime() + expiryMs);
  const context = {
    args_digest: step.args_digest,
    context_hash: proposed.contextHash,
    context: contextKey(tool, args),
    round: ask.round,
    expires_at: expiresAt.toISOString(),
  };
  await insertApproval(tx, {
    id: requestId,
    kind: "permission",
    sessionId: null,
    operation: "run.tool_call",
    ouId: run.ou_id,
    requesterId: run.requester_id,
    act: `run:${run.id}`,
    requirements: [
      { policyId: null, policyVersion: null, policyName: ask.rule, approverRole: "Approver", approvalsNeeded: 1 },
    ],
    digest,
    diff: { before: null, after: call, summary },
    workflowId: workflowIds.agentRun(run.id),
    runId: run.id,
    expiresAt,
  });
  const lease = await tx.maybe<{ lease_id: string }>(
    "select lease_id from leases where run_id = $1 and tool_id = $2 order by granted_at desc limit 1",
    [run.id, tool],
  );
  await tx.run(
    `insert into permission_requests (request_id, organisation_id, run_id, step_id, lease_id, tool_name, args_summary, reason,
       context, artifacts, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      requestId,
      tx.organisationId,
      run.id,
      step.step_id,
      lease?.lease_id ?? null,
      tool,
      summaryOf(args),
      ask.reason,
      JSON.stringify(context),
      JSON.stringify(artifactsOf(run, call, { requestId, expiresAt, digest })),
      now,
    ],
  );
  await tx.run("update agent_steps set status = 'waiting' where run_id = $1 and step_id = $2", [run.id, step.step_id]);
  await waitFor(tx, run.id, requestId);
  appendRunEvents(tx, run, [
    {
      origin: requestId,
      type: "permission_requested",
      payload: { request_id: requestId, step_id: step.step_id, tool, reason: ask.reason, input: summaryOf(args) },
    },
  ]);
  auditRun(tx, run, {
    id: requestId,
    operation: "run.permission",
    outcome: "pending_approval",
    target: `tool:${tool}`,
    digest,
    rule: ask.rule,
    approvalId: requestId,
    detail: { summary, reason: ask.reason },
  });
  return { requestId, status: "pending", expiresAt: expiresAt.getTime() };
}

/** Where a tool of an MCP server runs: whoever approves it sends the arguments there. */
async function serverOf(deps: RunDeps, tx: Tx, run: RunRow, tool: string): Promise<string | undefined> {
  const source = (await toolsOf(tx, deps, run)).find(({ name }) => name === tool)?.source;
  if (source?.kind !== "mcp") return undefined;
  const server = await tx.maybe<{ url: string }>("select url from mcp_servers where id = $1", [source.server]);
  return server?.url;
}

/**
 * What has become of a permission request. An approval that came in time is consumed once: it renews the tool's lease and
 * elevates the agent for this tool in this context for a while, from now on; a request nobody decided in its time is closed.
 */
export async function settlePermission(deps: RunDeps, ref: RunRef & { requestId: string }): Promise<PermissionState> {
  const { run, state } = await deps.db.inOrganisation(ref.organisationId, async (tx) => {
    const run = await requireRun(tx, ref.runId);
    const approval = await findApproval(tx, ref.requestId, "lock");
    const asked = await tx.maybe<{
      step_id: string;
      tool_name: string;
      decision: PermissionState["status"];
      reason: string;
      decision_reason: string | null;
      context: { context_hash: string; context: unknown };
    }>(
      "select step_id, tool_name, decision, reason, decision_reason, context from permission_requests where request_id = $1 and run_id = $2",
      [ref.requestId, run.id],
    );
    if (approval === undefined || asked === undefined) throw new Error(`no permission request ${ref.requestId}`);
    const stateNow = (status: PermissionState["status"]): PermissionState => ({
      requestId: approval.id,
      status,
      expiresAt: approval.expires_at.getTime(),
    });
    if (asked.decision !== "pending") return { run, state: stateNow(asked.decision) };
    const now = deps.now();
    const { status, reason } = decisionOn(approval, now);
    if (status === "pending") return { run, state: stateNow("pending") };
    if (status === "applied" || status === "refused")
      throw new Error(`approval ${approval.id} is ${status}, its permission request still pending`);
    await decideApproval(tx, approval.id, { status: status === "approved" ? "applied" : status, consumed: true }, now);
    await tx.run(
      "update permission_requests set decision = $2, decision_reason = $3, decided_at = $4 where request_id = $1",
      [approval.id, status, reason, now],
    );
    if (status === "approved") await grant(deps, tx, run, asked, approval.id, now);
    await stopWaitingFor(tx, run.id, approval.id);
    appendRunEvents(tx, run, [
      {
        origin: `${approval.id}:decided`,
        type: `permission_${status}`,
        payload: { request_id: approval.id, step_id: asked.step_id, tool: asked.tool_name, reason },
      },
      ...(status === "approved"
        ? [
            {
              origin: `${approval.id}:elevated`,
              type: "elevation_granted",
              payload: { request_id: approval.id, tool: asked.tool_name, seconds: elevationMs / 1000 },
            },
          ]
        : []),
    ]);
    auditRun(tx, run, {
      id: approval.id,
      operation: "run.permission",
      outcome: status === "approved" ? "approved" : status,
      target: `tool:${asked.tool_name}`,
      digest: approval.digest,
      rule: `approval:${approval.id}`,
      approvalId: approval.id,
      detail: { reason },
    });
    return { run, state: stateNow(status) };
  });
  tellWatchers(deps, run);
  return state;
}

async function grant(
  deps: RunDeps,
  tx: Tx,
  run: RunRow,
  asked: { tool_name: string; context: { context_hash: string; context: unknown } },
  approvalId: string,
  now: Date,
): Promise<void> {
  const definition = await definitionOf(tx, run);
  const spec = (await toolsOf(tx, deps, run)).find(({ name }) => name === asked.tool_name);
  const { mode } = await readMode(tx);
  grantLease(
    tx,
    { id: deps.newId(), runId: run.id, tool: asked.tool_name, risk: spec?.risk ?? "high", mode, grantedBy: approvalId },
    now,
    definition.leases,
  );
  await tx.run(
    `insert into elevations (id, organisation_id, root_run_id, agent_id, tool_name, context_hash, context, approval_id,
       granted_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (organisation_id, approval_id) do nothing`,
    [
      deps.newId(),
      tx.organisationId,
      run.root_run_id,
      run.agent_id,
      asked.tool_name,
      asked.context.context_hash,
      JSON.stringify(asked.context.context),
      approvalId,
      now,
      new Date(now.getTime() + elevationMs),
    ],
  );
}
