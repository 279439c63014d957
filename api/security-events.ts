import type { Database } from "../db/database.ts";
import { storableJson } from "../db/storable.ts";
import type { ApiDeps } from "./deps.ts";

const windowMs = 60_000;

interface Window {
  until: number;
  recorded: number;
  suppressed: number;
}

/** By database, so by process: strangers must not fill a table, however many tokens they make up. */
const windows = new WeakMap<Database, Window>();

/**
 * Records what happened without a valid token, never the token itself: as many a minute as one principal may send requests
 * (`POWERLOOM_RATE_LIMIT`), after that only how many there were.
 */
export async function recordSecurityEvent(
  deps: Pick<ApiDeps, "db" | "log" | "now" | "config">,
  kind: string,
  detail: Record<string, unknown>,
): Promise<void> {
  const at = deps.now().getTime();
  let window = windows.get(deps.db);
  const events: { kind: string; detail: Record<string, unknown> }[] = [];
  if (window === undefined || at >= window.until) {
    if (window !== undefined && window.suppressed > 0)
      events.push({ kind: "suppressed", detail: { events: window.suppressed } });
    window = { until: at + windowMs, recorded: 0, suppressed: 0 };
    windows.set(deps.db, window);
  }
  if (window.recorded < deps.config.rateLimit) {
    window.recorded += 1;
    events.push({ kind, detail });
  } else window.suppressed += 1;
  try {
    for (const event of events)
      await deps.db.anywhere.run("insert into security_events (kind, detail) values ($1, $2)", [
        event.kind,
        // A client's name, or what a token says, may hold what jsonb cannot: that must not hide the attempt.
        storableJson(event.detail),
      ]);
  } catch (error) {
    deps.log.error({ err: error, kind }, "a security event could not be stored");
  }
}
