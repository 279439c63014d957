import { digestOf } from "../core/canonical.ts";
import { type SessionRef, workflowIds } from "../core/ids.ts";
import type { Tx } from "../db/database.ts";
import { type ApprovalRow, decideApproval, findApproval, insertApproval } from "../db/queries/approvals.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { appendSessionEvents, findSession, queueCommand } from "../db/queries/sessions.ts";
import { beating } from "./beats.ts";
import type { ActivityDeps } from "./deps.ts";

const toolCallExpiryMs = 24 * 3600 * 1000;

/** Approval requests for tool calls that the provider holds back for a person (`always_ask`). */
export function createToolCallActivities(deps: Pick<ActivityDeps, "db" | "now" | "newId">) {
  const { db } = deps;

  return {
    /**
     * Makes an approval request of each tool call the provider holds back for a person.
     * @returns when the first of those undecided runs out, epoch milliseconds; 0 when none waits
     */
    async askForToolCalls({ eventIds, ...ref }: SessionRef & { eventIds: string[] }): Promise<number> {
      return beating(async () => {
        for (const eventId of eventIds)
          await db.inOrganisation(ref.organisationId, (tx) => askForToolCall(tx, ref, eventId));
        return firstExpiry(ref);
      });
    },

    /**
     * Turns decided (or run-out) tool-call approvals into confirmations to send.
     * @returns as `askForToolCalls`: a workflow that is new to the session learns so what it waits for
     */
    async settleToolCalls(ref: SessionRef): Promise<number> {
      return beating(async () => {
        const decided = await db.inOrganisation(ref.organisationId, (tx) =>
          tx.rows<{ id: string }>(
            `select id from approval_requests where session_id = $1 and kind = 'tool_call' and consumed_at is null
               and (decided_at is not null or expires_at <= $2)`,
            [ref.sessionId, deps.now()],
          ),
        );
        for (const { id } of decided) await db.inOrganisation(ref.organisationId, (tx) => settleToolCall(tx, ref, id));
        return firstExpiry(ref);
      });
    },
  };

  async function settleToolCall(tx: Tx, ref: SessionRef, id: string): Promise<void> {
    const approval = await unsettled(tx, id);
    if (approval === undefined) return;
    const status = approval.status === "pending" ? "expired" : approval.status;
    const allowed = status === "approved";
    await decideApproval(tx, id, { status: allowed ? "applied" : status, consumed: true }, deps.now());
    await queueCommand(tx, ref.sessionId, {
      id: deps.newId(),
      kind: "confirmation",
      payload: {
        tool_use_id: eventIdOf(id),
        result: allowed ? "allow" : "deny",
        reason: approval.reason ?? status,
      },
      createdBy: null,
      idempotencyKey: `confirm:${id}`,
      bodyDigest: null,
    });
    auditToolCall(tx, ref, approval, allowed ? "applied" : outcomeOf(status));
  }

  async function firstExpiry(ref: SessionRef): Promise<number> {
    const first = await db.readOrganisation(ref.organisationId, (sql) =>
      sql.maybe<{ expires_at: Date | null }>(
        "select min(expires_at) as expires_at from approval_requests where session_id = $1 and kind = 'tool_call' and status = 'pending'",
        [ref.sessionId],
      ),
    );
    return first?.expires_at?.getTime() ?? 0;
  }

  async function askForToolCall(tx: Tx, ref: SessionRef, eventId: string): Promise<void> {
    const id = requestIdOf(eventId);
    const session = await findSession(tx, ref.sessionId, "lock");
    if (session === undefined || session.ended_at !== null || (await findApproval(tx, id)) !== undefined) return;
    const event = await tx.maybe<{
      payload: { name?: string; mcp_server_name?: string; input?: Record<string, unknown> };
    }>("select payload from session_events where session_id = $1 and provider_event_id = $2", [ref.sessionId, eventId]);
    const call = {
      server: event?.payload.mcp_server_name ?? null,
      tool: event?.payload.name ?? null,
      input: event?.payload.input ?? null,
    };
    const digest = digestOf({ eventId, ...call });
    const summary = `Agent ${session.agent_name} calls ${call.server ?? "tool"}.${call.tool} for ${session.invoker_email}`;
    await insertApproval(tx, {
      id,
      kind: "tool_call",
      sessionId: session.id,
      operation: "session.tool_call",
      ouId: session.ou_id,
      requesterId: session.invoker_id,
      act: `agent:${session.agent_id}`,
      requirements: [
        {
          policyId: null,
          policyVersion: null,
          policyName: "always_ask",
          approverRole: "Approver",
          approvalsNeeded: 1,
        },
      ],
      digest,
      diff: { before: null, after: call, summary },
      workflowId: workflowIds.agentSession(session.id),
      expiresAt: new Date(deps.now().getTime() + toolCallExpiryMs),
    });
    await appendSessionEvents(tx, session.id, [
      {
        providerEventId: `approval:${id}`,
        type: "powerloom.approval_requested",
        payload: { request_id: id, summary },
      },
    ]);
    const approval = await findApproval(tx, id);
    if (approval === undefined) throw new Error("the approval just requested cannot be read");
    auditToolCall(tx, ref, approval, "pending_approval");
  }
}

/**
 * Withdraws what waits for an approver although the call no longer waits for an answer: it was interrupted, or its
 * session has ended. An approval would come too late. Of a session that has ended, what is decided otherwise is settled as it is.
 * @param calls provider ids of these calls, when not all of the session
 */
export async function withdrawToolCalls(
  deps: Pick<ActivityDeps, "db" | "now">,
  ref: SessionRef,
  calls: ReadonlySet<string> | "all",
  reason: string,
): Promise<void> {
  const stale = await deps.db.inOrganisation(ref.organisationId, (tx) =>
    tx.rows<{ id: string }>(
      "select id from approval_requests where session_id = $1 and kind = 'tool_call' and consumed_at is null",
      [ref.sessionId],
    ),
  );
  // One transaction each: an audit entry is the last statement of its own.
  for (const { id } of stale.filter((one) => calls === "all" || calls.has(eventIdOf(one.id))))
    await deps.db.inOrganisation(ref.organisationId, async (tx) => {
      const approval = await unsettled(tx, id);
      if (approval === undefined) return;
      if (approval.status === "pending" || approval.status === "approved") {
        await decideApproval(tx, id, { status: "cancelled", reason, consumed: true }, deps.now());
        auditToolCall(tx, ref, { ...approval, reason }, "cancelled");
      } else if (calls === "all") {
        await decideApproval(tx, id, { status: approval.status, consumed: true }, deps.now());
        auditToolCall(tx, ref, approval, outcomeOf(approval.status));
      }
    });
}

function outcomeOf(status: ApprovalRow["status"]): "expired" | "cancelled" | "denied" {
  return status === "expired" || status === "cancelled" ? status : "denied";
}

/** A request, locked, unless somebody else who has listed it, too, was faster: each is settled, and audited, once. */
async function unsettled(tx: Tx, id: string): Promise<ApprovalRow | undefined> {
  const held = await tx.maybe("select from approval_requests where id = $1 and consumed_at is null for update", [id]);
  return held === undefined ? undefined : findApproval(tx, id);
}

function requestIdOf(eventId: string): string {
  return `req_${eventId}`;
}

function eventIdOf(requestId: string): string {
  return requestId.replace(/^req_/, "");
}

function auditToolCall(
  tx: Tx,
  ref: SessionRef,
  approval: ApprovalRow,
  outcome: "pending_approval" | "applied" | "denied" | "expired" | "cancelled",
): void {
  appendAudit(tx, {
    id: approval.id,
    sub: approval.requester_id,
    act: approval.act,
    delegated_from_session: ref.sessionId,
    operation: "session.tool_call",
    ou: approval.ou_path,
    target: `tool_call:${eventIdOf(approval.id)}`,
    digest: approval.digest,
    rule: "policy:always_ask",
    approval_id: approval.id,
    outcome,
    detail: {
      summary: approval.diff.summary,
      ...(outcome === "cancelled" ? { reason: approval.reason } : {}),
    },
  });
}
