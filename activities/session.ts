import { ApplicationFailure, activityInfo, heartbeat } from "@temporalio/activity";
import { ensureEnvironment } from "../claude/environments.ts";
import { providerFault } from "../claude/faults.ts";
import {
  addCredential,
  createSession,
  createVault,
  destroyVault,
  endSession,
  findTaggedSession,
  findTaggedVault,
  isOver,
  listEvents,
  taggedSessions,
  taggedVaults,
} from "../claude/sessions.ts";
import { hashToken, mintToken } from "../core/bearer.ts";
import { digestOf } from "../core/canonical.ts";
import type { SessionRef } from "../core/ids.ts";
import type { Tx } from "../db/database.ts";
import { type AgentRow, agentSelect } from "../db/queries/agents.ts";
import { appendAudit } from "../db/queries/audit.ts";
import { announceSession } from "../db/queries/changes.ts";
import {
  appendSessionEvents,
  type CommandRow,
  findSession,
  type NewSessionEvent,
  queuedCommands,
  type SessionRow,
} from "../db/queries/sessions.ts";
import { type Attempt, beating, Overtaken } from "./beats.ts";
import type { ActivityDeps } from "./deps.ts";
import { retryLater } from "./provider-retry.ts";
import { toSessionEvent, type WireEvent } from "./session-events.ts";
import { createToolCallActivities, withdrawToolCalls } from "./tool-calls.ts";

export type SessionActivities = ReturnType<typeof createSessionActivities>;

const idleReason = "idle for too long";

/** A code, not people's words: what an activity returns stands in the history. The words are in the rows. */
const endedOnRequest = "ended on request";

/** What `agentSession` may do. Every step looks first whether it, or the provider, has it done already. */
export function createSessionActivities(deps: ActivityDeps) {
  const { db, claude } = deps;
  const load = (ref: SessionRef) => db.readOrganisation(ref.organisationId, (tx) => findSession(tx, ref.sessionId));

  /** Vault, credentials and managed session, each recorded before the next is made. */
  async function open(ref: SessionRef, session: SessionRow): Promise<void> {
    // Open, with its credentials, whatever becomes of its agent.
    if (session.cma_session_id !== null) return;
    const agent = await db.readOrganisation(ref.organisationId, (tx) =>
      tx.maybe<AgentRow>(`${agentSelect} where a.id = $1`, [session.agent_id]),
    );
    if (
      agent === undefined ||
      agent.deleted_at !== null ||
      agent.cma_agent_id === null ||
      agent.cma_agent_version === null
    )
      throw ApplicationFailure.nonRetryable("the agent is not at the provider", "SessionCannotOpen");

    const recorded = await db.inOrganisation(ref.organisationId, async (tx) => {
      await tx.run("insert into provider_environments (organisation_id) values ($1) on conflict do nothing", [
        tx.organisationId,
      ]);
      return tx.maybe<{ cma_environment_id: string | null }>("select cma_environment_id from provider_environments");
    });
    const environmentId = await ensureEnvironment(claude, ref.organisationId, recorded?.cma_environment_id ?? null);
    if (environmentId !== recorded?.cma_environment_id)
      await db.inOrganisation(ref.organisationId, (tx) =>
        tx.run("update provider_environments set cma_environment_id = $1", [environmentId]),
      );
    heartbeat();

    const foundVault = session.cma_vault_id ?? (await findTaggedVault(claude, session.id));
    const madeVault = foundVault ?? (await createVault(claude, session.id));
    const vaultId = await recordFirst(ref, "cma_vault_id", madeVault, () => destroyVault(claude, madeVault));
    for (const credential of await bearersFor(ref, session, agent)) {
      await addCredential(claude, vaultId, credential);
      heartbeat();
    }

    const { id: made, agentVersion } =
      (await findTaggedSession(claude, session.id, session.create_intended_at)) ??
      (await createSession(claude, {
        sessionId: session.id,
        agentId: agent.cma_agent_id,
        agentVersion: session.agent_version ?? agent.cma_agent_version,
        environmentId,
        vaultId,
        // Everybody with a key of the workspace reads titles: no addresses.
        title: `${agent.name} ${session.id}`,
      }));
    await recordFirst(ref, "cma_session_id", made, () => endSession(claude, made), agentVersion);
  }

  /**
   * Records what was made at the provider, unless another attempt, made while this one was frozen, was first, or has closed the
   * session: then it is taken away.
   * @returns what is recorded
   * @throws ApplicationFailure when the session is closed
   */
  async function recordFirst(
    ref: SessionRef,
    column: "cma_vault_id" | "cma_session_id",
    made: string,
    takeAway: () => Promise<void>,
    agentVersion: number | null = null,
  ): Promise<string> {
    const row = await db.inOrganisation(ref.organisationId, (tx) =>
      tx.maybe<{ kept: string }>(
        `update sessions set ${column} = coalesce(${column}, $2), may_be_twice = may_be_twice or coalesce(${column} <> $2, false),
           agent_version = coalesce(agent_version, $3)
          where id = $1 and cleaned_at is null returning ${column} as kept`,
        [ref.sessionId, made, agentVersion],
      ),
    );
    if (row?.kept !== made) await takeAway();
    if (row === undefined) throw ApplicationFailure.nonRetryable("the session is closed", "SessionCannotOpen");
    return row.kept;
  }

  /** Ends and destroys what the provider holds for a session beside what is recorded of it. */
  async function removeTwins(session: SessionRow, cmaSessionId?: string, vaultId?: string): Promise<void> {
    for await (const { id } of taggedSessions(claude, session.id, session.create_intended_at))
      if (id !== cmaSessionId) await endSession(claude, id);
    for await (const id of taggedVaults(claude, session.id)) if (id !== vaultId) await destroyVault(claude, id);
  }

  /** One bearer per server: for `powerloom_meta` one of this session alone, for the others a copy of the agent's. */
  function bearersFor(ref: SessionRef, session: SessionRow, agent: AgentRow) {
    return db.inOrganisation(ref.organisationId, async (tx) => {
      const credentials = await tx.rows<{ mcp_server_id: string; kind: string; sealed_bearer: string | null }>(
        `select mcp_server_id, kind, sealed_bearer from credentials
          where agent_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
        [agent.id, deps.now()],
      );
      const bearers: { name: string; url: string; bearer: string }[] = [];
      for (const server of agent.servers) {
        const credential = credentials.find((entry) => entry.mcp_server_id === server.mcp_server_id);
        if (credential === undefined) continue;
        let sealed = credential.sealed_bearer;
        if (credential.kind === "session_bound") {
          const bearer = mintToken("pls");
          await tx.run(
            `insert into session_bearers (organisation_id, session_id, agent_id, mcp_server_id, bearer_hash, sealed_bearer)
             values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
            [tx.organisationId, session.id, agent.id, server.mcp_server_id, hashToken(bearer), deps.seal(bearer)],
          );
          const row = await tx.maybe<{ sealed_bearer: string | null }>(
            "select sealed_bearer from session_bearers where session_id = $1 and mcp_server_id = $2",
            [session.id, server.mcp_server_id],
          );
          sealed = row?.sealed_bearer ?? null;
        }
        if (sealed !== null) bearers.push({ name: server.name, url: server.url, bearer: deps.unseal(sealed) });
      }
      return bearers;
    });
  }

  /**
   * Sends one command. Sending has no de-duplication, so an attempt of unknown outcome is looked for first, and of attempts that
   * have looked at once (one was frozen) only one sends.
   */
  async function send(
    ref: SessionRef,
    session: SessionRow,
    command: CommandRow,
    certain: Attempt["certain"],
  ): Promise<void> {
    const cmaSessionId = session.cma_session_id;
    if (cmaSessionId === null) throw new Error("the session is not open yet");
    const event = toProviderEvent(command);
    let eventId: string | undefined;
    if (command.sending_at !== null) eventId = await findSent(ref, cmaSessionId, command, event);
    if (eventId === undefined) {
      const claimed = await db.inOrganisation(ref.organisationId, (tx) =>
        tx.run(
          `update session_commands set sending_at = greatest($2, sending_at + interval '1 millisecond')
            where id = $1 and sent_at is null and sending_at is not distinct from $3`,
          [command.id, deps.now(), command.sending_at],
        ),
      );
      if (claimed === 0) throw new Overtaken();
      await certain();
      const sent = await claude.beta.sessions.events.send(cmaSessionId, { events: [event] });
      eventId = sent.data?.[0]?.id;
      if (eventId === undefined) throw new Error("the provider has not said what it has taken");
    }
    await db.inOrganisation(ref.organisationId, (tx) =>
      tx.run("update session_commands set sent_at = $2, provider_event_id = $3 where id = $1", [
        command.id,
        deps.now(),
        eventId,
      ]),
    );
  }

  /** What the provider refuses for good (a confirmation that came too late) is put away, and said in the session. */
  async function giveUp(ref: SessionRef, command: CommandRow, problem: Record<string, unknown>): Promise<void> {
    await db.inOrganisation(ref.organisationId, async (tx) => {
      // It rests, though it has never been told anything: nobody else says so.
      const rests = await tx.run("update sessions set status = 'idle' where id = $1 and status = 'starting'", [
        ref.sessionId,
      ]);
      if (rests > 0) announceSession(tx, ref.sessionId);
      await appendSessionEvents(tx, ref.sessionId, [
        {
          providerEventId: `refused:${command.id}`,
          type: "powerloom.not_delivered",
          payload: { command_id: command.id, kind: command.kind, problem },
        },
      ]);
      // Last: the session is locked before its commands, as where it is closed.
      await tx.run("update session_commands set sent_at = $2 where id = $1", [command.id, deps.now()]);
    });
    await db.anywhere.run("select pg_notify('session_events', $1)", [ref.sessionId]);
  }

  /** What the provider still told of a session that nobody follows any more. */
  async function storeTheRest(ref: SessionRef, cmaSessionId: string): Promise<void> {
    const rest: NewSessionEvent[] = [];
    for (const event of await listEvents(claude, cmaSessionId)) {
      const stored = toSessionEvent(event as WireEvent);
      if (stored !== undefined) rest.push(stored);
    }
    await db.inOrganisation(ref.organisationId, (tx) => appendSessionEvents(tx, ref.sessionId, rest));
  }

  /** Whether the provider has ever taken a word of ours for this session: without any there is no turn to follow. */
  function wasTold(ref: SessionRef): Promise<boolean> {
    return db.readOrganisation(
      ref.organisationId,
      async (sql) =>
        (await sql.maybe(
          "select from session_commands where session_id = $1 and provider_event_id is not null limit 1",
          [ref.sessionId],
        )) !== undefined,
    );
  }

  const withdrawEverything = (ref: SessionRef) => withdrawToolCalls(deps, ref, "all", "the session ended");

  const forgetQueued = (tx: Tx, { sessionId }: SessionRef) =>
    tx.run("update session_commands set sent_at = $2 where session_id = $1 and sent_at is null", [
      sessionId,
      deps.now(),
    ]);

  /** What an overtaken attempt, or somebody's decision, has left of a session that is closed: nobody else would look after it. */
  async function letGo(ref: SessionRef): Promise<void> {
    await withdrawEverything(ref);
    await db.inOrganisation(ref.organisationId, (tx) => forgetQueued(tx, ref));
  }

  async function findSent(
    ref: SessionRef,
    cmaSessionId: string,
    command: CommandRow,
    event: ProviderEvent,
  ): Promise<string | undefined> {
    // Heard before it was said: a second copy of something earlier, which may have said the same.
    const known = await db.readOrganisation(ref.organisationId, (sql) =>
      sql.rows<{ provider_event_id: string }>(
        `select provider_event_id from session_commands where session_id = $1 and provider_event_id is not null
         union select provider_event_id from session_events where session_id = $1 and type = $2 and position < $3
           and provider_event_id is not null`,
        [ref.sessionId, event.type, command.after_position],
      ),
    );
    const taken = new Set(known.map((row) => row.provider_event_id));
    for await (const stored of claude.beta.sessions.events.list(cmaSessionId, { limit: 1000 })) {
      if (stored.type !== event.type || taken.has(stored.id)) continue;
      if (event.type === "user.interrupt" && command.sending_at !== null) return stored.id;
      if (event.type === "user.message" && digestOf(textOf(stored)) === digestOf(textOf(event))) return stored.id;
      if (
        event.type === "user.tool_confirmation" &&
        "tool_use_id" in stored &&
        stored.tool_use_id === event.tool_use_id
      )
        return stored.id;
    }
    return undefined;
  }

  return {
    ...createToolCallActivities(deps),

    async openSession(ref: SessionRef): Promise<{
      ended: boolean;
      endReason: string;
      cmaRunning: boolean;
      label: string;
      ou: string;
      idleTimeoutSeconds: number;
    }> {
      return beating(async () => {
        const session = await load(ref);
        if (session === undefined) throw ApplicationFailure.nonRetryable("no such session", "SessionCannotOpen");
        const facts = {
          label: session.agent_name,
          ou: session.ou_path,
          idleTimeoutSeconds: session.idle_timeout_seconds,
        };
        if (session.ended_at !== null) return { ended: true, endReason: endedOnRequest, cmaRunning: false, ...facts };
        try {
          // What an attempt before has asked for may be carried out after this one has looked.
          if (activityInfo().attempt > 1)
            await db.inOrganisation(ref.organisationId, (tx) =>
              tx.run("update sessions set may_be_twice = true where id = $1", [ref.sessionId]),
            );
          await open(ref, session);
          return { ended: false, endReason: "", cmaRunning: await wasTold(ref), ...facts };
        } catch (error) {
          const fault = providerFault(error);
          if (fault === undefined) throw error;
          if (fault.retryable) throw retryLater(fault);
          await db.inOrganisation(ref.organisationId, (tx) =>
            tx.run("update sessions set error = $2 where id = $1", [ref.sessionId, fault.raw]),
          );
          throw ApplicationFailure.nonRetryable(JSON.stringify(fault.raw), "SessionCannotOpen");
        }
      });
    },

    /** Tells the session what is queued for it, in order. `end` is the reason when it is to end. */
    async deliverCommands(ref: SessionRef): Promise<{ sent: number; end: string | null }> {
      return beating(async ({ certain }) => {
        const session = await load(ref);
        if (session === undefined || session.ended_at !== null) return { sent: 0, end: endedOnRequest };
        const commands = await db.inOrganisation(ref.organisationId, (tx) => queuedCommands(tx, ref.sessionId));
        // Before all others: a message that cannot be sent must never keep a session from ending.
        const end = commands.find((command) => command.kind === "end");
        if (end !== undefined) {
          return { sent: 0, end: endedOnRequest };
        }
        // What an attempt before has sent is to be followed, too.
        let sent = activityInfo().attempt > 1 && (await wasTold(ref)) ? 1 : 0;
        for (const command of commands) {
          try {
            await send(ref, session, command, certain);
            sent += 1;
          } catch (error) {
            const fault = providerFault(error);
            if (fault === undefined) throw error;
            if (session.cma_session_id !== null && (await isOver(claude, session.cma_session_id)))
              return { sent, end: "terminated by the provider" };
            if (fault.retryable) throw retryLater(fault);
            await giveUp(ref, command, fault.raw);
          }
        }
        return { sent, end: null };
      });
    },

    /** Ends a session nobody has said anything to for too long; false when somebody just has. */
    async endIfQuiet(ref: SessionRef): Promise<boolean> {
      return beating(({ missed }) =>
        db.inOrganisation(ref.organisationId, async (tx) => {
          // The lock that messages take too: a message is either seen here, or refused because the session has ended.
          const session = await findSession(tx, ref.sessionId, "lock");
          if (session === undefined || session.ended_at !== null) return true;
          // Another attempt may have found somebody speaking, and what was said is no longer queued.
          if (missed()) throw new Overtaken();
          if ((await queuedCommands(tx, ref.sessionId)).length > 0) return false;
          await tx.run("update sessions set status = 'ended', end_reason = $2, ended_at = $3 where id = $1", [
            ref.sessionId,
            idleReason,
            deps.now(),
          ]);
          announceSession(tx, ref.sessionId);
          return true;
        }),
      );
    },

    /** Ends the managed session, destroys its vault and with it every credential, revokes its bearers, writes it down. */
    async closeSession({ reason, ...ref }: SessionRef & { reason: string }): Promise<void> {
      return beating(async () => {
        const session = await load(ref);
        if (session === undefined) return;
        if (session.cleaned_at !== null) return letGo(ref);
        const byCommand = await db.inOrganisation(ref.organisationId, async (tx) => {
          await tx.run(
            "update session_bearers set revoked_at = coalesce(revoked_at, $2), sealed_bearer = null where session_id = $1",
            [ref.sessionId, deps.now()],
          );
          return tx.maybe<{ reason: string | null; created_by: string | null }>(
            "select payload ->> 'reason' as reason, created_by from session_commands where session_id = $1 and kind = 'end' order by sequence limit 1",
            [ref.sessionId],
          );
        });
        const cmaSessionId =
          session.cma_session_id ?? (await findTaggedSession(claude, session.id, session.create_intended_at))?.id;
        if (cmaSessionId !== undefined) {
          await endSession(claude, cmaSessionId);
        }
        // Before the last events are fetched: nothing may keep credentials alive.
        const vaultId = session.cma_vault_id ?? (await findTaggedVault(claude, session.id));
        if (vaultId !== undefined) await destroyVault(claude, vaultId);
        if (session.may_be_twice) await removeTwins(session, cmaSessionId, vaultId);
        if (cmaSessionId !== undefined) await storeTheRest(ref, cmaSessionId);
        const said = session.end_reason ?? byCommand?.reason ?? reason;
        await withdrawEverything(ref);
        await db.inOrganisation(ref.organisationId, async (tx) => {
          const now = deps.now();
          const failed = reason === "failed";
          const closed = await tx.run(
            `update sessions set status = $2, end_reason = coalesce(end_reason, $3), ended_at = coalesce(ended_at, $4),
               cleaned_at = $4
              where id = $1 and cma_session_id is not distinct from $5 and cma_vault_id is not distinct from $6
                and may_be_twice = $7 and cleaned_at is null`,
            [
              ref.sessionId,
              failed ? "failed" : "ended",
              said,
              now,
              session.cma_session_id,
              session.cma_vault_id,
              session.may_be_twice,
            ],
          );
          // Already, by another attempt.
          if (closed === 0 && (await findSession(tx, ref.sessionId))?.cleaned_at != null) return;
          if (closed === 0) throw new Error("an attempt to open the session has made something since it was looked at");
          if (session.ended_at === null || failed) announceSession(tx, ref.sessionId);
          await forgetQueued(tx, ref);
          await appendSessionEvents(tx, ref.sessionId, [
            { providerEventId: "powerloom:ended", type: "powerloom.session_ended", payload: { reason: said } },
          ]);
          // A person's own end was audited when they asked for it.
          if (byCommand?.created_by == null)
            appendAudit(tx, {
              id: ref.sessionId,
              sub: session.invoker_id,
              act: `agent:${session.agent_id}`,
              delegated_from_session: ref.sessionId,
              operation: "session.end",
              ou: session.ou_path,
              target: `session:${ref.sessionId}`,
              digest: null,
              rule: null,
              approval_id: null,
              outcome: failed ? "failed" : "applied",
              detail: { reason: said },
            });
        });
        await db.anywhere.run("select pg_notify('session_events', $1)", [ref.sessionId]);
      });
    },
  };
}

type ProviderEvent =
  | { type: "user.message"; content: { type: "text"; text: string }[] }
  | { type: "user.interrupt" }
  | { type: "user.tool_confirmation"; tool_use_id: string; result: "allow" | "deny"; deny_message?: string };

function toProviderEvent(command: CommandRow): ProviderEvent {
  const text = (key: string) => {
    const value = command.payload[key];
    return typeof value === "string" ? value : "";
  };
  switch (command.kind) {
    case "message":
    case "notice":
      return { type: "user.message", content: [{ type: "text", text: text("text") }] };
    case "interrupt":
      return { type: "user.interrupt" };
    case "confirmation":
      return command.payload["result"] === "allow"
        ? { type: "user.tool_confirmation", tool_use_id: text("tool_use_id"), result: "allow" }
        : {
            type: "user.tool_confirmation",
            tool_use_id: text("tool_use_id"),
            result: "deny",
            deny_message: text("reason"),
          };
    case "end":
      throw new Error("an end is not an event of the provider");
  }
}

function textOf(event: object): string {
  const blocks: unknown[] = "content" in event && Array.isArray(event.content) ? event.content : [];
  return blocks
    .map((block) => (typeof block === "object" && block !== null && "text" in block ? String(block.text) : ""))
    .join("");
}
