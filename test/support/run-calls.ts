import { Client } from "pg";
import { v7 } from "uuid";
import { type CapabilityBinding, mint } from "../../core/lease/capability.ts";
import { capabilityKeys } from "../../core/lease/capability-keys.ts";
import type { Person } from "../../demo/api.ts";
import { query } from "./database.ts";
import { eventually, sharedStack } from "./organisation.ts";

export interface ToolCall {
  step_id: string;
  tool_name: string;
  status: string;
  is_error: boolean | null;
  result: string | null;
}

/** The tool calls of a run, in order, with what the model was told. */
export function toolCalls(runId: string): Promise<ToolCall[]> {
  return query<ToolCall>(
    `select step_id, tool_name, status, is_error, result from agent_steps
      where run_id = $1 and step_type = 'tool_call' order by step_num`,
    [runId],
  );
}

/** A tool call of a run, once it has that status. */
export function callIn(runId: string, tool: string, status: string): Promise<ToolCall> {
  return eventually(
    async () => (await toolCalls(runId)).find((call) => call.tool_name === tool && call.status === status),
    `${tool} is ${status}`,
    30_000,
  );
}

/** Decides on the call that a run waits to make, once it does. */
export async function decideOn(approver: Person, runId: string, decision: "approve" | "deny"): Promise<void> {
  const asked = await eventually(
    async () => {
      const { data } = await approver.get<{ data: { id: string; digest: string; kind: string; actor: string }[] }>(
        "/approvals?status=pending",
      );
      return data.find(({ kind, actor }) => kind === "permission" && actor === `run:${runId}`);
    },
    "a permission is asked for",
    30_000,
  );
  const vote = { decision, digest: asked.digest, reason: "as the test says" };
  await approver.make(`/approvals/${asked.id}/votes`, vote);
}

/**
 * Keeps the API from taking up one step's operation: a transaction of ours has its idempotency key, and does not end.
 * @returns what lets it go on, as if there had been no other
 */
export async function holdOperation(
  { runId, stepId }: { runId: string; stepId: string },
  adminUrl = sharedStack().adminUrl,
): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  await client.query("begin");
  await client.query(
    `insert into operations (id, organisation_id, name, sub, act, sid, idempotency_key, key_expires_at, body_digest, input, expires_at)
     select $2, organisation_id, 'agent.create', requester_id, 'run:' || id, sid, 'run:' || id || ':' || $3, 'infinity', '', '{}', 'infinity'
       from agent_runs where id = $1`,
    [runId, `req_${v7().replaceAll("-", "")}`, stepId],
  );
  return async () => {
    await client.query("rollback");
    await client.end();
  };
}

/** What the capability of a call that is being made is bound to. */
export async function bindingOf(runId: string, stepId: string): Promise<CapabilityBinding> {
  const [row] = await query<{ organisation_id: string; lease_id: string; tool_name: string }>(
    `select u.organisation_id, u.lease_id, s.tool_name from lease_uses u
       join agent_steps s on s.run_id = u.run_id and s.step_id = u.step_id where u.run_id = $1 and u.step_id = $2`,
    [runId, stepId],
  );
  if (row === undefined) throw new Error(`step ${stepId} has used no lease`);
  return { organisationId: row.organisation_id, leaseId: row.lease_id, runId, stepId, toolId: row.tool_name };
}

/** A capability as the worker mints it, or one that is wrong in some way. */
export function capability(
  binding: CapabilityBinding,
  { expiresAt = Date.now() + 60_000, secret = Buffer.from(sharedStack().sealingKey, "base64url") } = {},
): string {
  return mint(binding, expiresAt, capabilityKeys(secret, Date.now()));
}
