import type { Permission } from "../../core/authority/roles.ts";
import type { Tx } from "../database.ts";
import { storableJson } from "../storable.ts";

/** Something that has changed, for those who watch (`GET /events`). */
export interface Change {
  /** `agent.synced` */
  type: string;
  /** Where; null when it never came to lie anywhere. */
  ouId: string | null;
  /** Who holds this there reads of it. */
  permission: Permission;
  /** Whose own it is: they read of it too. */
  principalId?: string | null;
  payload: { target: { type: string; id: string }; summary: string } & Record<string, unknown>;
}

/** Tells of a change together with what changes. Sent without waiting. */
export function announce(tx: Tx, { type, ouId, permission, principalId, payload }: Change): void {
  tx.send(
    "insert into change_events (organisation_id, type, ou_id, permission, principal_id, payload) values ($1, $2, $3, $4, $5, $6)",
    [tx.organisationId, type, ouId, permission, principalId ?? null, storableJson(payload)],
  );
}

/** Tells in which status a run is now. */
export function announceRun(tx: Tx, runId: string): void {
  tx.send(
    `insert into change_events (organisation_id, type, ou_id, permission, principal_id, payload)
     select organisation_id, 'run.status', ou_id, 'run:read', requester_id, jsonb_build_object(
              'target', jsonb_build_object('type', 'run', 'id', id), 'status', status, 'root_run_id', root_run_id,
              'parent_run_id', parent_run_id, 'waiting_for', waiting_for, 'agent', agent_id,
              'summary', 'Run of ' || agent_id || ': ' || status)
       from agent_runs where id = $1`,
    [runId],
  );
}

/** Tells in which status a session is now. */
export function announceSession(tx: Tx, sessionId: string): void {
  tx.send(
    `insert into change_events (organisation_id, type, ou_id, permission, principal_id, payload)
     select s.organisation_id, 'session.status', a.ou_id, 'session:read', s.invoker_id, jsonb_build_object(
              'target', jsonb_build_object('type', 'session', 'id', s.id), 'status', s.status, 'agent_id', a.id,
              'summary', 'Session with ' || a.name || ': ' || s.status)
       from sessions s join agents a on a.organisation_id = s.organisation_id and a.id = s.agent_id where s.id = $1`,
    [sessionId],
  );
}
