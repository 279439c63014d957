import { createHash } from "node:crypto";
import type { Segment } from "./tokens.ts";

export interface CacheUsage {
  input_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
  cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number };
}

const lifetimeMs = { "5m": 5 * 60_000, "1h": 60 * 60_000 } as const;
/** How many blocks before a breakpoint are looked at for an older entry. */
const lookBack = 20;
const kept = 10_000;

/**
 * The prompt caches of this process: prefixes that ended at a breakpoint, by hash, until they expire.
 * Prefixes of fewer than `minimum` tokens are not cached.
 */
export function promptCache(now: () => number = Date.now) {
  const entries = new Map<string, { until: number; ttl: "5m" | "1h" }>();

  const alive = (hash: string): boolean => {
    const entry = entries.get(hash);
    return entry !== undefined && entry.until > now();
  };
  const write = (hash: string, ttl: "5m" | "1h") => {
    entries.delete(hash);
    entries.set(hash, { until: now() + lifetimeMs[ttl], ttl });
    const oldest = entries.size > kept ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
  };

  return {
    /** Splits the input tokens into read, written and uncached, and remembers what was written. */
    use(model: string, prompt: readonly Segment[], minimum: number): CacheUsage {
      const prefixes = prefixesOf(model, prompt);
      const total = prefixes.at(-1)?.tokens ?? 0;
      const breakpoints = prefixes.flatMap((prefix, at) => {
        const ttl = prompt[at]?.ttl;
        return ttl === undefined || prefix.tokens < minimum ? [] : [{ ...prefix, at, ttl }];
      });

      let read = 0;
      for (const { at } of breakpoints) {
        for (const prefix of prefixes.slice(Math.max(0, at - lookBack + 1), at + 1)) {
          if (prefix.tokens <= read || !alive(prefix.hash)) continue;
          read = prefix.tokens;
          write(prefix.hash, entries.get(prefix.hash)?.ttl ?? "5m");
        }
      }

      const created = { "5m": 0, "1h": 0 };
      let covered = read;
      for (const { hash, tokens, ttl } of breakpoints) {
        if (tokens > covered) {
          created[ttl] += tokens - covered;
          covered = tokens;
        }
        if (tokens > read) write(hash, ttl);
      }
      return {
        input_tokens: total - covered,
        cache_read_input_tokens: read,
        cache_creation_input_tokens: created["5m"] + created["1h"],
        cache_creation: { ephemeral_5m_input_tokens: created["5m"], ephemeral_1h_input_tokens: created["1h"] },
      };
    },
  };
}

function prefixesOf(model: string, prompt: readonly Segment[]): { hash: string; tokens: number }[] {
  let hash = createHash("sha256").update(model).digest("hex");
  let tokens = 0;
  return prompt.map((segment) => {
    hash = createHash("sha256").update(`${hash}\n${segment.canonical}`).digest("hex");
    tokens += segment.tokens;
    return { hash, tokens };
  });
}
