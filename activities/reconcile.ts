import { activityInfo } from "@temporalio/activity";
import {
  archiveAgent,
  createAgent,
  findTaggedAgent,
  retrieveAgent,
  taggedAgents,
  updateAgent,
} from "../claude/agents.ts";
import { providerFault } from "../claude/faults.ts";
import { pushSkillVersion } from "../claude/skills.ts";
import type { AgentId, AgentRef, OrganisationId, SessionId } from "../core/ids.ts";
import { type AgentDefinition, metadataKeys, type ObservedAgent } from "../core/reconcile/agent-definition.ts";
import { type ForeignEdit, foreignEdit } from "../core/reconcile/drift.ts";
import { type AgentPlan, planAgent } from "../core/reconcile/plan-agent.ts";
import type { Tx } from "../db/database.ts";
import { type AgentRow, agentSelect, agentsToCompare } from "../db/queries/agents.ts";
import { announce } from "../db/queries/changes.ts";
import { queueCommand } from "../db/queries/sessions.ts";
import { storableJson } from "../db/storable.ts";
import { nudgeSession } from "../temporal/nudge.ts";
import { beating, Overtaken } from "./beats.ts";
import type { ActivityDeps } from "./deps.ts";

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>;

export type ReconcileResult =
  | { status: "converged"; action: string; label: string; ou: string }
  /** Later: the provider is away, or the agent's sessions have to end first. */
  | { status: "retry"; afterMs: number; reason: string; label: string; ou: string }
  /** Trying again as it is will not help; the sweep looks again anyway. */
  | { status: "failed"; reason: string; label: string; ou: string };

/** Another reconciliation uploads the skill right now. */
class UploadElsewhere extends Error {}

/** SQL: when nothing that was asked for by now is carried out any more, by the later of two clocks: `$2` is ours. */
const soon = "greatest(clock_timestamp(), $2) + interval '5 minutes'";

/** What `reconcileAgent` and its sweep may do. Level-based: observe, plan, apply; never what changed. */
export function createReconcileActivities(deps: ActivityDeps) {
  const { db, claude } = deps;

  async function reconcile(ref: AgentRef, superseded: () => boolean): Promise<ReconcileResult> {
    const row = await db.readOrganisation(ref.organisationId, (tx) =>
      tx.maybe<AgentRow>(`${agentSelect} where a.id = $1`, [ref.agentId]),
    );
    if (row === undefined) return { status: "converged", action: "none", label: "unknown agent", ou: "" };
    const result = await orFault(
      row,
      () => converge(ref, row, superseded),
      async (fault) => {
        if (!superseded()) await recordFault(ref, fault);
      },
    );
    if (result.status === "retry" || row.twins_until === null) return result;
    // Also where the definition is refused: that may last. What goes wrong with a second one is no fault of the first.
    return orFault(row, async () => {
      await removeTwins(ref, row, superseded);
      return result;
    });
  }

  /** @throws what the provider answers; `Overtaken`; `UploadElsewhere` */
  async function converge(ref: AgentRef, row: AgentRow, superseded: () => boolean): Promise<ReconcileResult> {
    const label = row.name;
    const ou = row.ou_path;
    if (row.deleted_at !== null) {
      const open = await endSessionsOf(ref);
      if (open > 0) return { status: "retry", afterMs: 500, reason: `${open} sessions are ending`, label, ou };
    }
    const desired = row.deleted_at === null ? await define(ref, row) : "deleted";
    const observed = await observe(ref, row);
    const plan = planAgent(desired, observed);
    // Another attempt may have created it after this one has looked.
    if (plan.action !== "none" && superseded()) throw new Overtaken();
    let now: ObservedAgent | undefined = observed;
    if (plan.action === "archive") await archiveAgent(claude, plan.id);
    else if (plan.action === "create" && desired !== "deleted") now = await createAgent(claude, desired);
    else if (plan.action === "update" && desired !== "deleted")
      now = await updateAgent(claude, plan.id, plan.version, desired);
    const edit = foreignEdit(plan, {
      generation: row.generation,
      syncedGeneration: row.synced_generation,
      id: row.cma_agent_id,
      version: row.cma_agent_version,
    });
    await record(ref, row, now, plan.action, edit);
    return { status: "converged", action: plan.action, label, ou };
  }

  /** What a step results in. What the provider answers to it is told, and said as a result. */
  async function orFault(
    { name: label, ou_path: ou }: AgentRow,
    step: () => Promise<ReconcileResult>,
    tell: (fault: Record<string, unknown>) => Promise<void> = async () => undefined,
  ): Promise<ReconcileResult> {
    try {
      return await step();
    } catch (error) {
      if (error instanceof UploadElsewhere)
        return { status: "retry", afterMs: 500, reason: "a skill is being uploaded", label, ou };
      if (error instanceof Overtaken)
        return { status: "retry", afterMs: 100, reason: "another attempt was faster", label, ou };
      const fault = providerFault(error);
      if (fault === undefined) throw error;
      await tell(fault.raw);
      const reason = JSON.stringify(fault.raw).slice(0, 300);
      if (!fault.retryable) return { status: "failed", reason, label, ou };
      return { status: "retry", afterMs: fault.retryAfterMs ?? 0, reason, label, ou };
    }
  }

  /** The definition the provider should hold. Skills it needs are uploaded on the way. */
  async function define({ organisationId }: AgentRef, row: AgentRow): Promise<AgentDefinition> {
    const skills: AgentDefinition["skills"] = [];
    for (const attached of row.skills) {
      const pushed =
        attached.cma_skill_id !== null && attached.cma_version !== null
          ? { skillId: attached.cma_skill_id, version: attached.cma_version }
          : await pushSkill(organisationId, attached.skill_id, attached.version);
      skills.push(pushed);
    }
    return {
      name: row.name,
      description: row.description,
      system: row.system_prompt,
      model: row.model,
      mcpServers: row.servers.map(({ name, url, permission_policy }) => ({ name, url, policy: permission_policy })),
      skills,
      metadata: { [metadataKeys.organisation]: organisationId, [metadataKeys.agent]: row.id },
    };
  }

  /**
   * Uploads a skill's version once, however many agents ask for it at the same moment: uploads have no idempotency key. The
   * one that has the lease uploads, outside any transaction; the others come again. One that ends later than any was written
   * under a clock that was wrong.
   */
  async function pushSkill(organisationId: OrganisationId, skillId: string, version: number) {
    const { text, leased } = await db.inOrganisation(organisationId, async (tx) => {
      const changed = await tx.run(
        `update skills set uploading_until = clock_timestamp() + interval '60 seconds'
          where id = $1 and (uploading_until is null or uploading_until < clock_timestamp()
                  or uploading_until > clock_timestamp() + interval '90 seconds')`,
        [skillId],
      );
      const row = await tx.maybe<{
        name: string;
        description: string;
        content: string;
        cma_skill_id: string | null;
        cma_version: string | null;
      }>(
        `select s.name, s.description, v.content, s.cma_skill_id, v.cma_version
           from skills s join skill_versions v on v.skill_id = s.id where s.id = $1 and v.version = $2`,
        [skillId, version],
      );
      return { text: row, leased: changed > 0 };
    });
    if (text === undefined) throw new Error(`skill ${skillId} has no version ${version}`);
    const known =
      text.cma_skill_id !== null && text.cma_version !== null
        ? { skillId: text.cma_skill_id, version: text.cma_version }
        : undefined;
    if (!leased && known === undefined) throw new UploadElsewhere();
    try {
      const pushed = known ?? (await pushSkillVersion(claude, { skillId, version, ...text }, text.cma_skill_id));
      if (known === undefined)
        await db.inOrganisation(organisationId, async (tx) => {
          await tx.run("update skills set cma_skill_id = $2 where id = $1", [skillId, pushed.skillId]);
          await tx.run("update skill_versions set cma_version = $3 where skill_id = $1 and version = $2", [
            skillId,
            version,
            pushed.version,
          ]);
        });
      return pushed;
    } finally {
      if (leased)
        await db.inOrganisation(organisationId, (tx) =>
          tx.run("update skills set uploading_until = null where id = $1", [skillId]),
        );
    }
  }

  async function observe(ref: AgentRef, row: AgentRow): Promise<ObservedAgent | undefined> {
    if (row.cma_agent_id !== null) {
      const known = await retrieveAgent(claude, row.cma_agent_id);
      if (known !== undefined && !known.archived) return known;
      if (row.deleted_at !== null) return known;
    }
    if (row.create_intended_at !== null && row.cma_agent_id === null) {
      // What was asked for then may still be carried out, after this look. One that is deleted is asked for no more.
      await db.inOrganisation(ref.organisationId, (tx) =>
        tx.run(`update agents set twins_until = ${soon} where id = $1 and archived_at is null`, [
          ref.agentId,
          deps.now(),
        ]),
      );
      const found = await findTaggedAgent(claude, ref.agentId, row.create_intended_at);
      if (found !== undefined) return found;
    }
    if (row.deleted_at === null) {
      // Pending, too: until it is created, what is recorded is not there. An intent that is there already may be that of an
      // attempt that has looked when this one has: both create.
      const intended = await db.inOrganisation(ref.organisationId, (tx) =>
        tx.run(
          `update agents set create_intended_at = clock_timestamp(), cma_agent_id = null,
             sync_state = case when cma_agent_id is null then sync_state else 'pending' end,
             twins_until = case when create_intended_at is null then twins_until else ${soon} end
            where id = $1 and cma_agent_id is not distinct from $3 and deleted_at is null`,
          [ref.agentId, deps.now(), row.cma_agent_id],
        ),
      );
      if (intended === 0) throw new Overtaken();
    }
    return undefined;
  }

  /** Archives what is at the provider for an agent beside the one that is recorded now. No session was ever opened with it. */
  async function removeTwins(ref: AgentRef, row: AgentRow, superseded: () => boolean): Promise<void> {
    const since = row.create_intended_at ?? deps.now();
    for await (const { id } of taggedAgents(claude, ref.agentId, since)) {
      const recorded = await db.readOrganisation(ref.organisationId, (tx) =>
        tx.maybe<{ id: string | null }>("select cma_agent_id as id from agents where id = $1", [ref.agentId]),
      );
      if (recorded?.id === id) continue;
      // It may be what another attempt has made, and is about to record; or what the next one finds, and records.
      if (recorded?.id == null && row.deleted_at === null) return;
      if (superseded()) throw new Overtaken();
      await archiveAgent(claude, id);
      deps.log.warn({ agent: ref.agentId, twin: id }, "archived an agent that was created twice");
    }
    // Ended by both clocks. An end that is so late was written under a clock that was wrong.
    await db.inOrganisation(ref.organisationId, (tx) =>
      tx.run(
        `update agents set twins_until = case when twins_until > clock_timestamp() then ${soon} end where id = $1
            and (twins_until < least(clock_timestamp(), $2)
              or twins_until > greatest(clock_timestamp(), $2) + interval '10 minutes')`,
        [ref.agentId, deps.now()],
      ),
    );
  }

  /** Records what is at the provider now, unless another attempt has recorded another agent since, or has begun to make one. */
  async function record(
    ref: AgentRef,
    row: AgentRow,
    now: ObservedAgent | undefined,
    action: AgentPlan["action"],
    edit: ForeignEdit | undefined,
  ): Promise<void> {
    const recorded = await db.inOrganisation(ref.organisationId, async (tx) => {
      const held = await tx.maybe<{ id: string | null }>(
        "select cma_agent_id as id from agents where id = $1 for no key update",
        [ref.agentId],
      );
      const other = held?.id ?? null;
      // Before it creates, an attempt forgets what it has looked at.
      const looked = action === "create" ? null : row.cma_agent_id;
      if (other !== looked && other !== now?.id) {
        tx.send(`update agents set twins_until = ${soon} where id = $1`, [ref.agentId, deps.now()]);
        return false;
      }
      tx.send(
        `update agents set cma_agent_id = coalesce($2, cma_agent_id),
           cma_agent_version = case when cma_agent_id = $2 then greatest($3, cma_agent_version)
             else coalesce($3, cma_agent_version) end,
           synced_generation = greatest(synced_generation, $4),
           sync_state = case when generation = $4 then 'synced' else 'pending' end,
           sync_error = null, sync_attempts = 0, checked_at = clock_timestamp(),
           archived_at = case when $6 then clock_timestamp() end, drift = coalesce($5, drift)
          where id = $1`,
        [
          ref.agentId,
          now?.id ?? null,
          now?.version ?? null,
          row.generation,
          edit === undefined ? null : storableJson(driftOf(edit, deps.now())),
          // As it was looked at: one that is deleted since then is still there.
          row.deleted_at !== null,
        ],
      );
      if (edit !== undefined)
        tell(tx, row, "agent.drift", {
          provider_version: edit.providerVersion,
          fields: edit.fields.map(({ field }) => field),
          summary: `${row.name} was changed at the provider by somebody else, and put back`,
        });
      if (action !== "none")
        tell(tx, row, `agent.${action === "archive" ? "archived" : "synced"}`, {
          action,
          summary: `${row.name} ${action}`,
        });
      return true;
    });
    if (!recorded) throw new Overtaken();
  }

  async function recordFault(ref: AgentRef, raw: Record<string, unknown>): Promise<void> {
    await db.inOrganisation(ref.organisationId, (tx) =>
      tx.run(
        `update agents set sync_state = 'error', sync_error = $2, sync_attempts = sync_attempts + 1,
           checked_at = clock_timestamp() where id = $1`,
        [ref.agentId, raw],
      ),
    );
  }

  /** Has the open sessions of a deleted agent end. Returns how many are not done yet. */
  async function endSessionsOf({ organisationId, agentId }: AgentRef): Promise<number> {
    const open = await db.inOrganisation(organisationId, async (tx) => {
      const sessions = await tx.rows<{ id: string }>(
        "select id from sessions where agent_id = $1 and cleaned_at is null for update",
        [agentId],
      );
      for (const { id } of sessions) {
        const told = await tx.maybe(
          "select from session_commands where session_id = $1 and idempotency_key = 'agent-deleted'",
          [id],
        );
        if (told !== undefined) continue;
        await queueCommand(tx, id, {
          id: deps.newId(),
          kind: "end",
          payload: { reason: "the agent was deleted" },
          createdBy: null,
          idempotencyKey: "agent-deleted",
          bodyDigest: null,
        });
      }
      return sessions;
    });
    for (const { id } of open) await nudgeSession(deps.temporal, { organisationId, sessionId: id as SessionId });
    return open.length;
  }

  return {
    async reconcileAgent(ref: AgentRef): Promise<ReconcileResult> {
      try {
        return await beating(({ missed }) => reconcile(ref, missed));
      } finally {
        deps.log.debug({ agent: ref.agentId, attempt: activityInfo().attempt }, "reconciled");
      }
    },

    /**
     * Has every agent reconciled that is not in sync, those not compared with the provider for a while (foreign edits), and those
     * that may be there twice.
     */
    async sweepAgents({ olderThanSeconds }: { olderThanSeconds: number }): Promise<number> {
      return beating(async () => {
        const organisations = await db.anywhere.rows<{ organisation_id: OrganisationId }>(
          "select * from list_organisations()",
        );
        let wanted = 0;
        for (const { organisation_id: organisationId } of organisations) {
          const agents = await db.readOrganisation(organisationId, (tx) =>
            tx.rows<{ id: AgentId }>(agentsToCompare, [olderThanSeconds]),
          );
          // Into the queue, behind what people have changed: hundreds at once would take the cores from their answers.
          for (const { id } of agents) deps.reconcileQueue.compare({ organisationId, agentId: id });
          wanted += agents.length;
        }
        return wanted;
      });
    },
  };
}

function tell(tx: Tx, row: AgentRow, type: string, said: { summary: string } & Record<string, unknown>): void {
  const payload = { target: { type: "agent", id: row.id }, ...said };
  announce(tx, { type, ouId: row.ou_id, permission: "agent:read", payload });
}

function driftOf({ providerVersion, fields }: ForeignEdit, now: Date) {
  return { found_at: now.toISOString(), provider_version: providerVersion, fields, action: "reverted" };
}
