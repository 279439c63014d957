import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from "@temporalio/common";
import { type AgentRef, type RunRef, type SessionRef, workflowIds } from "../core/ids.ts";
import { latestRunEdition } from "../core/runs/edition.ts";
import { searchAttributeNames } from "../core/search-attributes.ts";
import { lookAgain, taskQueues, workflowTaskTimeout } from "../workflows/messages.ts";

const organisationKey = defineSearchAttributeKey(searchAttributeNames.organisation, SearchAttributeType.KEYWORD);
const ouKey = defineSearchAttributeKey(searchAttributeNames.ou, SearchAttributeType.KEYWORD);
const kindKey = defineSearchAttributeKey(searchAttributeNames.kind, SearchAttributeType.KEYWORD);

/** Search attributes every workflow starts with; the OU when it is known, which saves the workflow an upsert (ADR 9). */
export function initialAttributes(organisationId: string, kind: string, ou?: string): TypedSearchAttributes {
  return new TypedSearchAttributes([
    { key: organisationKey, value: organisationId },
    { key: kindKey, value: kind },
    ...(ou === undefined || ou === "" ? [] : [{ key: ouKey, value: ou }]),
  ]);
}

/** Starts the agent's reconciliation, or tells the running one that there is something new. */
export async function nudgeAgent(temporal: Client, ref: AgentRef, ou?: string): Promise<void> {
  await temporal.workflow.signalWithStart("reconcileAgent", {
    workflowId: workflowIds.reconcileAgent(ref.agentId),
    taskQueue: taskQueues.main,
    args: [ref],
    signal: lookAgain,
    workflowTaskTimeout,
    typedSearchAttributes: initialAttributes(ref.organisationId, "reconcile", ou),
    staticSummary: `Reconcile agent ${ref.agentId}`,
  });
}

/** Starts the session's workflow if need be, and has it look at its rows. For an ended session that finds nothing to do. */
export async function nudgeSession(temporal: Client, ref: SessionRef): Promise<void> {
  await temporal.workflow.signalWithStart("agentSession", {
    workflowId: workflowIds.agentSession(ref.sessionId),
    taskQueue: taskQueues.main,
    args: [ref],
    signal: lookAgain,
    workflowTaskTimeout,
    typedSearchAttributes: initialAttributes(ref.organisationId, "session"),
    staticSummary: `Session ${ref.sessionId}`,
  });
}

/** Starts a run's workflow if need be, and has it look at its rows. Roots only: a subagent is started by its parent. */
export async function nudgeRun(temporal: Client, ref: RunRef, ou?: string): Promise<void> {
  await temporal.connection.withDeadline(Date.now() + 3_000, () =>
    temporal.workflow.signalWithStart("agentRun", {
      workflowId: workflowIds.agentRun(ref.runId),
      taskQueue: taskQueues.main,
      args: [{ organisationId: ref.organisationId, runId: ref.runId, edition: latestRunEdition }],
      signal: lookAgain,
      workflowTaskTimeout,
      typedSearchAttributes: initialAttributes(ref.organisationId, "run", ou),
      staticSummary: `Run ${ref.runId}`,
    }),
  );
}

/** Tells a waiting workflow to look at its rows. One that has ended has nothing to look for. */
export async function signalLookAgain(temporal: Client, workflowId: string): Promise<void> {
  try {
    await temporal.workflow.getHandle(workflowId).signal(lookAgain);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
