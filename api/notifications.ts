import { Client } from "pg";
import type { Logger } from "pino";

/** Keyed by session, operation, and root run. What is heard is a hint, the rows are the truth. */
const channels = ["session_events", "outcomes", "run_events"] as const;
/** Words as they come, of runs by root run and of sessions by session: the payload is what is heard. What is said is stored too. */
const wordsChannels = ["run_tokens", "session_words"] as const;
type Channel = (typeof channels)[number];
type WordsChannel = (typeof wordsChannels)[number];

/** Words that a slow reader has not taken are dropped beyond this. */
const mostWaitingWords = 500;

/** Words that were heard for one reader, as JSON, oldest first. */
interface WaitingWords {
  any(): boolean;
  /** Takes all of them. */
  take(): string[];
  /** Hears no more. */
  stop(): void;
}

export interface Notifications {
  /** Calls `heard` whenever there is something new under this key. @returns stops that */
  hear(channel: Channel, key: string, heard: () => void): () => void;
  /** Collects what is said under this key, and calls `heard` whenever there is more. */
  hearWords(channel: WordsChannel, key: string, heard: () => void): WaitingWords;
  close(): Promise<void>;
}

/**
 * One connection that hears what workers have stored. When it breaks it is made anew, and everybody is woken for what may have
 * been missed. What is heard can be lost all the same: whoever hears must have another way to find out.
 */
export function listenToDatabase(databaseUrl: string, log: Logger): Notifications {
  const listeners = new Map<string, Set<(payload: string) => void>>();
  /** What to call when something may have been missed. */
  const wakes = new Set<() => void>();
  let closed = false;
  let client: Client | undefined;
  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new Client({ connectionString: databaseUrl, application_name: "powerloom-listen" });
    client = next;
    next.on("notification", ({ channel, payload }) => {
      const key = isWords(channel) ? keyOf(payload ?? "") : payload;
      for (const heard of listeners.get(`${channel}:${key}`) ?? []) heard(payload ?? "");
    });
    next.on("error", () => undefined);
    next.on("end", () => {
      if (!closed) setTimeout(() => void connect(), 500).unref();
    });
    try {
      await next.connect();
      await next.query([...channels, ...wordsChannels].map((channel) => `listen ${channel}`).join(";"));
      for (const heard of wakes) heard();
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
    hear(channel, key, heard) {
      // Of its own: two may hear with the same function.
      const wake = () => heard();
      const stop = listenFor(`${channel}:${key}`, wake);
      wakes.add(wake);
      return () => {
        stop();
        wakes.delete(wake);
      };
    },
    hearWords(channel, key, heard) {
      const waiting: string[] = [];
      const stop = listenFor(`${channel}:${key}`, (payload) => {
        if (waiting.length < mostWaitingWords) waiting.push(payload);
        heard();
      });
      return { any: () => waiting.length > 0, take: () => waiting.splice(0), stop };
    },
    async close() {
      closed = true;
      await client?.end().catch(() => undefined);
    },
  };
}

function isWords(channel: string): boolean {
  return (wordsChannels as readonly string[]).includes(channel);
}

/** Whose words these are: the first field. */
function keyOf(payload: string): string {
  // Written by our worker; should it ever be anything else, it is for nobody.
  return /^\{"(?:root|session)":"([0-9a-f-]{36})"/.exec(payload)?.[1] ?? "";
}
