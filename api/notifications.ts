import { Client } from "pg";
import type { Logger } from "pino";

/** Keyed by session, operation, and root run. What is heard is a hint, the rows are the truth. */
const channels = ["session_events", "outcomes", "run_events"] as const;
/** A model's words as they come: the payload is what is heard. They stand in the transcript too. */
const wordsChannel = "run_tokens";
type Channel = (typeof channels)[number];

export interface Notifications {
  /** Calls `heard` whenever there is something new under this key. @returns stops that */
  hear(channel: Channel, key: string, heard: () => void): () => void;
  /** Calls `heard` with what models say in a tree of runs: JSON of run, thread and text. @returns stops that */
  hearWords(rootRunId: string, heard: (payload: string) => void): () => void;
  close(): Promise<void>;
}

/**
 * One connection that hears what workers have stored. When it breaks it is made anew; what is missed meanwhile shows a
 * little later: whoever hears must have another way to find out.
 */
export function listenToDatabase(databaseUrl: string, log: Logger): Notifications {
  const listeners = new Map<string, Set<(payload: string) => void>>();
  let closed = false;
  let client: Client | undefined;
  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new Client({ connectionString: databaseUrl, application_name: "powerloom-listen" });
    client = next;
    next.on("notification", ({ channel, payload }) => {
      const key = channel === wordsChannel ? rootOf(payload ?? "") : payload;
      for (const heard of listeners.get(`${channel}:${key}`) ?? []) heard(payload ?? "");
    });
    next.on("error", () => undefined);
    next.on("end", () => {
      if (!closed) setTimeout(() => void connect(), 500).unref();
    });
    try {
      await next.connect();
      await next.query([...channels, wordsChannel].map((channel) => `listen ${channel}`).join(";"));
    } catch (error) {
      log.warn({ err: error }, "cannot listen to the database; polling");
      await next.end().catch(() => undefined);
    }
  };
  void connect();
  const listenFor = (name: string, heard: (payload: string) => void) => {
    const all = listeners.get(name) ?? new Set();
    listeners.set(name, all.add(heard));
    return () => {
      all.delete(heard);
      if (all.size === 0 && listeners.get(name) === all) listeners.delete(name);
    };
  };
  return {
    hear: (channel, key, heard) => listenFor(`${channel}:${key}`, () => heard()),
    hearWords: (rootRunId, heard) => listenFor(`${wordsChannel}:${rootRunId}`, heard),
    async close() {
      closed = true;
      await client?.end().catch(() => undefined);
    },
  };
}

function rootOf(payload: string): string {
  // Written by our worker; should it ever be anything else, it is for nobody.
  return /^\{"root":"([0-9a-f-]{36})"/.exec(payload)?.[1] ?? "";
}
