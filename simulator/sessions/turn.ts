import { setTimeout as sleep } from "node:timers/promises";
import { nextStep } from "../operator/next-step.ts";
import type { Store } from "../store/store.ts";
import type { NewEvent, Session, SessionEvent } from "../store/wire.ts";
import { execute } from "./execute.ts";
import type { Holds } from "./holds.ts";
import { type OpenCall, openCalls } from "./open-calls.ts";
import { sessionState } from "./session-state.ts";
import { speak } from "./speak.ts";
import { sessionTools } from "./tools.ts";

export interface TurnOptions {
  store: Store;
  paceMs: number;
  holds: Holds;
  /** Aborted when the process drains: the turn starts nothing more, and goes on after the next start. */
  stop: AbortSignal;
  /** Aborted a little later: calls still in flight are given up, to be made again after the next start. */
  abandon: AbortSignal;
  onToolCall: (server: string, outcome: "ok" | "error") => void;
}

/**
 * Works on a session until nothing is left to do. Every round looks at the stored history alone, so a turn that a
 * restart cut short continues as if it had not been: a call without a result is simply made again.
 */
export async function runTurn(sessionId: string, options: TurnOptions): Promise<void> {
  const { store, stop } = options;
  const state = sessionState(store, sessionId);
  let session = store.sessions.get(sessionId);
  if (session === undefined || session.archived_at !== null) return;
  if (onlyIdleInterrupts(store, session)) return;
  const resumed = session.status !== "idle";
  if (!resumed && queued(store.events.history(sessionId)).length === 0) return;
  if (resumed) state.rescheduling();
  session = state.running();

  const since = Date.now();
  const idle = (reason: Parameters<typeof state.idle>[0]) => state.idle(reason, (Date.now() - since) / 1000);
  const tools = sessionTools(store, sessionId, session.agent, session.vault_ids);
  let offered: Awaited<ReturnType<typeof tools.list>> | undefined;
  let thought = false;
  try {
    while (!stop.aborted) {
      const waiting = queued(store.events.history(sessionId));
      const interrupt = waiting.find(({ type }) => type === "user.interrupt");
      if (interrupt !== undefined) {
        store.events.process(sessionId, interrupt);
        for (const call of openCalls(store.events.history(sessionId))) {
          recordResult(store, sessionId, call, "Interrupted by the user.", true);
        }
        idle({ type: "end_turn" });
        if (waiting.length === 1) return;
        state.running();
        continue;
      }
      for (const event of waiting) store.events.process(sessionId, event);

      const history = store.events.history(sessionId);
      const open = openCalls(history);
      const ready = open.find((call) => !call.needsAction);
      if (ready !== undefined) {
        const server = ready.use.type === "agent.mcp_tool_use" ? ready.use.mcp_server_name : "";
        const done = await execute(ready, tools.connection(server), options.abandon);
        if (options.abandon.aborted) return;
        if (done.problem !== undefined && tools.firstFailure(server)) store.events.emit(sessionId, done.problem);
        recordResult(store, sessionId, ready, done.text, done.isError);
        options.onToolCall(server, done.isError ? "error" : "ok");
        continue;
      }
      if (open.length > 0) {
        idle({ type: "requires_action", event_ids: open.map(({ use }) => use.id) });
        return;
      }

      if (offered === undefined) {
        offered = await tools.list(options.abandon);
        continue;
      }
      const step = nextStep(history, offered, scriptOf(store, session));
      if (step === "done") {
        idle({ type: "end_turn" });
        return;
      }
      if (options.paceMs > 0) await sleep(options.paceMs);
      if (step.call?.afterMs !== undefined) await sleep(step.call.afterMs, undefined, { signal: stop }).catch(() => {});
      if (stop.aborted) return;
      if (!thought) store.events.emit(sessionId, { type: "agent.thinking" });
      thought = true;
      const contextLength = JSON.stringify(history).length + (session.agent.system ?? "").length;
      state.used(await speak(store, session, step, { contextLength, paceMs: options.paceMs, holds: options.holds }));
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    store.events.emit(sessionId, {
      type: "session.error",
      error: { type: "unknown_error", message, retry_status: { type: "exhausted" } },
    });
    idle({ type: "retries_exhausted" });
    throw error;
  } finally {
    await tools.close();
  }
}

/** The events a client sent that no turn has looked at yet. */
export function queued(history: SessionEvent[]): SessionEvent[] {
  return history.filter((event) => event.type !== "session.deleted" && event.processed_at === null);
}

// Interrupting a session that does nothing and waits for nothing has no effect.
function onlyIdleInterrupts(store: Store, session: Session): boolean {
  const history = store.events.history(session.id);
  const waiting = queued(history);
  if (session.status !== "idle" || waiting.some(({ type }) => type !== "user.interrupt")) return false;
  if (waiting.length === 0 || openCalls(history).length > 0) return false;
  for (const event of waiting) store.events.process(session.id, event);
  return true;
}

function recordResult(store: Store, sessionId: string, { use }: OpenCall, text: string, is_error: boolean): void {
  const content = [{ type: "text" as const, text }];
  const result: NewEvent =
    use.type === "agent.mcp_tool_use"
      ? { type: "agent.mcp_tool_result", mcp_tool_use_id: use.id, content, is_error }
      : { type: "agent.tool_result", tool_use_id: use.id, content, is_error };
  if (use.type === "agent.custom_tool_use") {
    const answer = { type: "user.custom_tool_result", custom_tool_use_id: use.id, content, is_error } as const;
    store.events.emit(sessionId, answer);
    return;
  }
  store.events.emit(sessionId, result);
}

/** The script in the agent's metadata, when a test wrote one: split over `simulator_script`, `simulator_script_2`, …. */
function scriptOf(store: Store, session: Session): string | undefined {
  const metadata = store.agents.get(session.agent.id)?.metadata ?? {};
  let script = metadata["simulator_script"];
  for (let part = 2; script !== undefined && metadata[`simulator_script_${part}`] !== undefined; part += 1) {
    script += metadata[`simulator_script_${part}`];
  }
  return script;
}
