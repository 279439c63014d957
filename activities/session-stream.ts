import { Context } from "@temporalio/activity";
import { isGone, providerFault } from "../claude/faults.ts";
import type { SessionRef } from "../core/ids.ts";
import { announceSession } from "../db/queries/changes.ts";
import { appendSessionEvents, findSession, type NewSessionEvent } from "../db/queries/sessions.ts";
import { type Attempt, beating, Overtaken } from "./beats.ts";
import type { ActivityDeps } from "./deps.ts";
import { retryLater } from "./provider-retry.ts";
import { toSessionEvent, type WireEvent } from "./session-events.ts";
import { previews, sessionWords } from "./session-words.ts";
import { withdrawToolCalls } from "./tool-calls.ts";

export type StreamActivities = ReturnType<typeof createStreamActivities>;

export interface TurnEnd {
  stop: "end_turn" | "requires_action" | "terminated" | "other" | "lost";
  /** Provider ids of the tool-use events that wait for a person. */
  toolCalls: string[];
}

const over: TurnEnd = { stop: "terminated", toolCalls: [] };

// Events are written in batches: a transaction per word would be the slowest part of a conversation.
const batchMs = 50;

/** What streams of sessions may do: bring the provider's events into our rows, once each, in order. */
export function createStreamActivities(deps: ActivityDeps) {
  const { db, claude } = deps;

  return {
    /**
     * Follows a session until it rests. Opens the stream before it lists, because the stream has no replay, and merges by
     * id; a dropped stream is an error here, and the retry lists again.
     */
    async followSession(ref: SessionRef): Promise<TurnEnd> {
      try {
        return await beating(async (attempt) => {
          const session = await db.readOrganisation(ref.organisationId, (tx) => findSession(tx, ref.sessionId));
          const cmaSessionId = session?.cma_session_id;
          if (session === undefined || session.ended_at !== null || cmaSessionId == null) return over;
          return follow(ref, cmaSessionId, attempt, Context.current().cancellationSignal);
        });
      } catch (error) {
        // Deleted at the provider: following it again would find nothing for ever.
        if (isGone(error)) return over;
        const fault = providerFault(error);
        throw fault === undefined ? error : retryLater(fault);
      }
    },
  };

  async function follow(
    ref: SessionRef,
    cmaSessionId: string,
    { missed, certain }: Attempt,
    signal: AbortSignal,
  ): Promise<TurnEnd> {
    const writer = batchingWriter((events) => store(ref, events));
    const words = sessionWords(deps, ref);
    const stream = await claude.beta.sessions.events.stream(cmaSessionId, { event_deltas: previews }, { signal });
    const stop = () => stream.controller.abort();
    signal.addEventListener("abort", stop);
    const rest = async (state: TurnState, end: TurnEnd) => {
      await writer.flush();
      // What rests may be a turn from before: another attempt has followed since then.
      await certain();
      return finishTurn(ref, end, state.answered(end), missed);
    };
    try {
      const state = new TurnState();
      for await (const event of claude.beta.sessions.events.list(cmaSessionId, { limit: 1000 })) {
        state.take(event as WireEvent);
        writer.add(event as WireEvent);
      }
      const rested = state.rest();
      if (rested !== undefined) return await rest(state, rested);
      await setStatus(ref, "running");
      for await (const event of stream) {
        words.take(event as WireEvent);
        state.take(event as WireEvent);
        writer.add(event as WireEvent);
        const rests = state.rest();
        if (rests !== undefined) return await rest(state, rests);
      }
      throw new Error("the provider closed the stream before the session rested");
    } finally {
      signal.removeEventListener("abort", stop);
      words.close();
      await writer
        .flush()
        .catch((error: unknown) => deps.log.warn({ err: error, session: ref.sessionId }, "events not written"));
      stream.controller.abort();
    }
  }

  async function store(ref: SessionRef, events: NewSessionEvent[]): Promise<void> {
    const stored = await db.inOrganisation(ref.organisationId, (tx) => appendSessionEvents(tx, ref.sessionId, events));
    // Outside the transaction: NOTIFY inside one serialises commits (design §9).
    if (stored > 0) await db.anywhere.run("select pg_notify('session_events', $1)", [ref.sessionId]);
  }

  async function finishTurn(
    ref: SessionRef,
    end: TurnEnd,
    answered: ReadonlySet<string>,
    missed: Attempt["missed"],
  ): Promise<TurnEnd> {
    await withdrawToolCalls(deps, ref, answered, "the call no longer waits: it was interrupted");
    await db.inOrganisation(ref.organisationId, async (tx) => {
      const last = await tx.maybe<{ payload: { content?: { type: string; text?: string }[] } }>(
        "select payload from session_events where session_id = $1 and type = 'agent.message' order by position desc limit 1",
        [ref.sessionId],
      );
      const words = (last?.payload.content ?? []).map((block) => block.text ?? "").join("");
      if (missed()) throw new Overtaken();
      const rests = await tx.run(
        `update sessions set status = $2, final_message = coalesce($3, final_message) where id = $1 and ended_at is null`,
        [ref.sessionId, end.stop === "requires_action" ? "waiting" : "idle", last === undefined ? null : words],
      );
      if (rests > 0) announceSession(tx, ref.sessionId);
    });
    await db.anywhere.run("select pg_notify('session_events', $1)", [ref.sessionId]);
    return end;
  }

  async function setStatus(ref: SessionRef, status: "running"): Promise<void> {
    await db.inOrganisation(ref.organisationId, async (tx) => {
      const changed = await tx.run(
        "update sessions set status = $2 where id = $1 and ended_at is null and status <> $2",
        [ref.sessionId, status],
      );
      if (changed > 0) announceSession(tx, ref.sessionId);
    });
  }
}

/** Whether a session rests, from its events in order: the last status is idle and nothing sent waits behind it. */
class TurnState {
  private end: TurnEnd | undefined;
  private readonly queued = new Set<string>();
  private readonly calls = new Set<string>();

  take(event: WireEvent): void {
    if (event.id !== undefined && event.type.endsWith("tool_use")) this.calls.add(event.id);
    if (event.type.startsWith("user.") && event.id !== undefined) {
      if (event.processed_at == null) this.queued.add(event.id);
      else this.queued.delete(event.id);
    }
    if (event.type === "session.status_running" || event.type === "session.status_rescheduled") this.end = undefined;
    if (event.type === "session.status_terminated" || event.type === "session.deleted")
      this.end = { stop: "terminated", toolCalls: [] };
    if (event.type === "session.status_idle") {
      const reason = event.stop_reason?.type;
      this.end = {
        stop: reason === "end_turn" || reason === "requires_action" ? reason : "other",
        toolCalls: event.stop_reason?.event_ids ?? [],
      };
    }
  }

  rest(): TurnEnd | undefined {
    return this.end?.stop === "terminated" || this.queued.size === 0 ? this.end : undefined;
  }

  /** Ids of the calls of tools that no longer wait: of those seen here only, a later turn may have made others. */
  answered(end: TurnEnd): ReadonlySet<string> {
    return new Set([...this.calls].filter((id) => !end.toolCalls.includes(id)));
  }
}

interface Writer {
  add(event: WireEvent): void;
  flush(): Promise<void>;
}

function batchingWriter(store: (events: NewSessionEvent[]) => Promise<void>): Writer {
  let pending: NewSessionEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const batch = pending;
    pending = [];
    if (batch.length > 0) writing = writing.then(() => store(batch));
    return writing;
  };
  return {
    add(event) {
      const stored = toSessionEvent(event);
      if (stored === undefined) return;
      pending.push(stored);
      timer ??= setTimeout(() => void flush().catch(() => undefined), batchMs);
    },
    flush,
  };
}
