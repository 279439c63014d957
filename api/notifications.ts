import { Client } from "pg";
import type { Logger } from "pino";

/** `session_events`: keyed by session; `outcomes`: by operation. What is heard is a hint, the rows are the truth. */
const channels = ["session_events", "outcomes"] as const;
type Channel = (typeof channels)[number];

export interface Notifications {
  /** Calls `heard` whenever there is something new under this key. @returns stops that */
  hear(channel: Channel, key: string, heard: () => void): () => void;
  close(): Promise<void>;
}

/**
 * One connection that hears what workers have stored. When it breaks it is made anew; what is missed meanwhile shows a
 * little later: whoever hears must have another way to find out.
 */
export function listenToDatabase(databaseUrl: string, log: Logger): Notifications {
  const listeners = new Map<string, Set<() => void>>();
  let closed = false;
  let client: Client | undefined;
  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new Client({ connectionString: databaseUrl, application_name: "powerloom-listen" });
    client = next;
    next.on("notification", ({ channel, payload }) => {
      for (const heard of listeners.get(`${channel}:${payload}`) ?? []) heard();
    });
    next.on("error", () => undefined);
    next.on("end", () => {
      if (!closed) setTimeout(() => void connect(), 500).unref();
    });
    try {
      await next.connect();
      await next.query(channels.map((channel) => `listen ${channel}`).join(";"));
    } catch (error) {
      log.warn({ err: error }, "cannot listen to the database; polling");
      await next.end().catch(() => undefined);
    }
  };
  void connect();
  return {
    hear(channel, key, heard) {
      const name = `${channel}:${key}`;
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(heard));
      return () => {
        all.delete(heard);
        if (all.size === 0 && listeners.get(name) === all) listeners.delete(name);
      };
    },
    async close() {
      closed = true;
      await client?.end().catch(() => undefined);
    },
  };
}
