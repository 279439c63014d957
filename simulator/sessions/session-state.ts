import { timestamp } from "../ids.ts";
import type { Store } from "../store/store.ts";
import type { Session, StopReason } from "../store/wire.ts";
import type { Tokens } from "./speak.ts";

/** Changes of a session's status, each with the events that tell of it. */
export function sessionState(store: Store, sessionId: string) {
  const thread = sessionId.replace(/^sesn_/, "sthr_");

  const change = (patch: (session: Session) => Partial<Session>): Session => {
    const current = store.sessions.get(sessionId);
    if (current === undefined) throw new Error(`session ${sessionId} is gone`);
    const next = { ...current, ...patch(current), updated_at: timestamp() };
    store.sessions.replace(next);
    return next;
  };
  const named = (session: Session) => ({ agent_name: session.agent.name, session_thread_id: thread });

  return {
    running: () => {
      const session = change(() => ({ status: "running" }));
      store.events.emit(sessionId, { type: "session.status_running" });
      store.events.emit(sessionId, { type: "session.thread_status_running", ...named(session) });
      return session;
    },
    rescheduling: () => {
      const session = change(() => ({ status: "rescheduling" }));
      store.events.emit(sessionId, { type: "session.status_rescheduled" });
      store.events.emit(sessionId, { type: "session.thread_status_rescheduled", ...named(session) });
    },
    idle: (stop_reason: StopReason, activeSeconds: number) => {
      const session = change(({ usage, stats }) => {
        const active_seconds = (usage.active_seconds ?? 0) + activeSeconds;
        return { status: "idle", usage: { ...usage, active_seconds }, stats: { ...stats, active_seconds } };
      });
      const { list_cost: _unpriced, server_tool_use: _none, ...usage } = session.usage;
      store.events.emit(sessionId, {
        type: "session.thread_status_idle",
        stop_reason,
        stop_details: null,
        ...named(session),
      });
      store.events.emit(sessionId, { type: "session.usage", usage, budget: session.budget });
      store.events.emit(sessionId, { type: "session.status_idle", stop_reason, stop_details: null });
    },
    used: (tokens: Tokens) => {
      change(({ usage }) => ({
        usage: {
          ...usage,
          input_tokens: (usage.input_tokens ?? 0) + tokens.input,
          output_tokens: (usage.output_tokens ?? 0) + tokens.output,
        },
      }));
    },
  };
}
