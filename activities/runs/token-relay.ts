import type { ModelCall } from "../../core/runs/facts.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import type { RunDeps } from "./deps.ts";

const everyMs = 50;
/** PostgreSQL takes 8,000 bytes a notification; the rest of it is the envelope's. */
const mostCharacters = 1_500;

/** Passes a model's words on to watchers as they come, in batches. Words lost on the way are in the transcript. */
export function tokenRelay(
  deps: RunDeps,
  run: RunRow,
  call: ModelCall,
): { text: (delta: string) => void; close(): void } {
  let pending = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    for (let at = 0; at < pending.length; at += mostCharacters) {
      const words = {
        root: run.root_run_id,
        run: run.id,
        thread: call.thread,
        text: pending.slice(at, at + mostCharacters),
      };
      deps.db.anywhere.run("select pg_notify('run_tokens', $1)", [JSON.stringify(words)]).catch(() => undefined);
    }
    pending = "";
  };
  return {
    text(delta) {
      pending += delta;
      timer ??= setTimeout(flush, everyMs);
    },
    close() {
      clearTimeout(timer);
      flush();
    },
  };
}
