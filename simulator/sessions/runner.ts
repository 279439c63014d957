import type { Store } from "../store/store.ts";
import { queued, runTurn, type TurnOptions } from "./turn.ts";

export interface Runner {
  /** Lets a session work on what is queued; at most one turn of a session runs at a time. */
  wake: (sessionId: string) => void;
  /** Continues the sessions that an earlier process left in the middle of something. */
  resume(): void;
  running(): number;
  /** Waits for the turns to stop where they are. */
  drain(): Promise<void>;
}

/** Runs the turns of all sessions in this process. */
export function sessionRunner(
  options: TurnOptions & { onFailure: (sessionId: string, error: unknown) => void },
): Runner {
  const { store, stop } = options;
  const turns = new Map<string, Promise<void>>();
  const again = new Set<string>();

  const start = (sessionId: string): void => {
    const turn = runTurn(sessionId, options)
      .catch((error: unknown) => options.onFailure(sessionId, error))
      .finally(() => {
        turns.delete(sessionId);
        // Something may have been queued between the last look and the end.
        if (again.delete(sessionId) && !stop.aborted) start(sessionId);
      });
    turns.set(sessionId, turn);
  };

  return {
    wake: (sessionId) => {
      if (stop.aborted) return;
      if (turns.has(sessionId)) again.add(sessionId);
      else start(sessionId);
    },
    resume: () => {
      for (const object of store.sessions.all()) {
        if (object.archived_at !== null) continue;
        if (object.status !== "idle" || hasQueued(store, object.id)) start(object.id);
      }
    },
    running: () => turns.size,
    drain: async () => {
      await Promise.allSettled(turns.values());
    },
  };
}

function hasQueued(store: Store, sessionId: string): boolean {
  return queued(store.events.history(sessionId)).length > 0;
}
