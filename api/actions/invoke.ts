import { hashToken, mintToken } from "../../core/bearer.ts";
import { digestOf } from "../../core/canonical.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { AgentRef, SessionId } from "../../core/ids.ts";
import type { Tx } from "../../db/database.ts";
import { findAgent } from "../../db/queries/agents.ts";
import { appendAudit } from "../../db/queries/audit.ts";
import { lockAuthority } from "../../db/queries/authority.ts";
import { announceSession } from "../../db/queries/changes.ts";
import { findSession, queueCommand, type SessionRow, sessionSelect } from "../../db/queries/sessions.ts";
import { requirePermission } from "../../operations/execute.ts";
import { scopeOf } from "../../operations/lookups.ts";
import { nudgeAgent, nudgeSession } from "../../temporal/nudge.ts";
import type { ApiDeps, Caller } from "../deps.ts";
import type { ActionContext } from "./perform.ts";

/** How long a ticket for a stream is good, seconds. */
const ticketSeconds = 60;

/** Opens a session that acts for the caller; returns at once, or with the final message when `mode` is `wait`. */
export async function invokeAgent({ deps, caller, input, key }: ActionContext): Promise<Record<string, unknown>> {
  const { agent_id, prompt, mode, wait_seconds, idle_timeout_seconds } = input as {
    agent_id: string;
    prompt: string;
    mode: "fire_and_forget" | "wait";
    wait_seconds: number;
    idle_timeout_seconds: number;
  };
  const session = await deps.db.inOrganisation(caller.organisationId, async (tx) => {
    await lockAuthority(tx, "share");
    const agent = await findAgent(tx, agent_id);
    if (agent === undefined)
      throw new PowerloomError("not_found", `No agent found with id \`${agent_id}\`.`, { pointer: "/agent_id" });
    const rule = await requirePermission(
      { tx, now: deps.now(), principalId: caller.principalId },
      "agent:invoke",
      scopeOf(agent),
    );
    const bodyDigest = digestOf({ agent_id, prompt, idle_timeout_seconds });
    const earlier = await findByKey(tx, caller, key, bodyDigest);
    if (earlier !== undefined) return earlier;
    if (agent.cma_agent_id === null || agent.synced_generation === 0) {
      // Somebody waits for it: out of the queue before the reconciler.
      nudgeAgent(deps.temporal, { organisationId: caller.organisationId, agentId: agent.id } as AgentRef).catch(
        (error: unknown) => deps.log.warn({ err: error, agent: agent.id }, "the reconciler could not be told yet"),
      );
      throw new PowerloomError(
        "not_synced",
        `Agent created but \`cma_agent_id\` is null: the reconciler hasn't pushed it to the provider yet (sync state: ${agent.sync_state}). ` +
          "Wait a few seconds and invoke again. If it persists, check the sync state for errors.",
        { cma_agent_id: null, sync_state: agent.sync_state, sync_error: agent.sync_error ?? null },
      );
    }
    const id = deps.newId();
    const inserted = await tx.run(
      `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, agent_version, idle_timeout_seconds,
         idempotency_key, body_digest) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       on conflict (organisation_id, invoker_id, idempotency_key) do nothing`,
      [
        id,
        tx.organisationId,
        agent.id,
        caller.principalId,
        prompt,
        agent.cma_agent_version,
        idle_timeout_seconds,
        key,
        bodyDigest,
      ],
    );
    if (inserted === 0) {
      // The same request at the same moment came first, and has committed by now.
      const first = await findByKey(tx, caller, key, bodyDigest);
      if (first === undefined) throw new Error("an idempotency key was taken and is gone");
      return first;
    }
    announceSession(tx, id);
    await queueCommand(tx, id, {
      id: deps.newId(),
      kind: "message",
      payload: { text: prompt },
      createdBy: caller.principalId,
      idempotencyKey: "prompt",
      bodyDigest: null,
    });
    appendAudit(tx, {
      id,
      sub: caller.principalId,
      act: null,
      delegated_from_session: null,
      operation: "agent.invoke",
      ou: agent.ou_path,
      target: `session:${id}`,
      digest: bodyDigest,
      rule,
      approval_id: null,
      outcome: "accepted",
      detail: { agent: agent.id, agent_name: agent.name, agent_version: agent.cma_agent_version },
    });
    const row = await findSession(tx, id);
    if (row === undefined) throw new Error("the session just created cannot be read");
    return row;
  });
  await wake(deps, caller.organisationId, session.id);
  const websocket_url = await issueTicket(deps, caller, session.id);
  const rested = mode === "wait" ? await untilRest(deps, caller.organisationId, session.id, wait_seconds) : session;
  return { session_id: session.id, websocket_url, status: rested.status, final_message: rested.final_message };
}

/** A workflow that cannot be reached now is started by the sweep: the row is there. */
export async function wake(deps: ApiDeps, organisationId: string, sessionId: string): Promise<void> {
  try {
    await deps.temporal.connection.withDeadline(Date.now() + 3_000, () =>
      nudgeSession(deps.temporal, { organisationId, sessionId } as { organisationId: never; sessionId: SessionId }),
    );
  } catch (error) {
    deps.log.warn({ err: error, session: sessionId }, "the session's workflow could not be told yet");
  }
}

/** A URL that opens the session's stream, once, within a minute. */
export async function issueTicket(deps: ApiDeps, caller: Caller, sessionId: string): Promise<string> {
  const ticket = mintToken("plt");
  await deps.db.inOrganisation(caller.organisationId, (tx) =>
    tx.run(
      `insert into stream_tickets (organisation_id, ticket_hash, session_id, principal_id, expires_at, console_session)
       values ($1, $2, $3, $4, $5, $6)`,
      [
        caller.organisationId,
        hashToken(ticket),
        sessionId,
        caller.principalId,
        new Date(deps.now().getTime() + ticketSeconds * 1000),
        caller.consoleSession ?? null,
      ],
    ),
  );
  return `${deps.config.apiUrl.replace(/^http/, "ws")}/sessions/${sessionId}/stream?ticket=${ticket}`;
}

/** The session an earlier request with this key has made. */
async function findByKey(
  tx: Tx,
  caller: Caller,
  key: string | null,
  bodyDigest: string,
): Promise<SessionRow | undefined> {
  if (key === null) return undefined;
  const earlier = await tx.maybe<SessionRow>(`${sessionSelect} where s.invoker_id = $1 and s.idempotency_key = $2`, [
    caller.principalId,
    key,
  ]);
  if (earlier !== undefined && earlier.body_digest !== bodyDigest)
    throw new PowerloomError("idempotency_mismatch", "This Idempotency-Key was used for another request.");
  return earlier;
}

async function untilRest(
  deps: ApiDeps,
  organisationId: string,
  sessionId: string,
  seconds: number,
): Promise<SessionRow> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const row = await deps.db.readOrganisation(organisationId, (tx) => findSession(tx, sessionId));
    if (row === undefined) throw new Error("the session vanished");
    if (["idle", "waiting", "ended", "failed"].includes(row.status) || Date.now() >= deadline) return row;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
