import { setTimeout as sleep } from "node:timers/promises";
import type { Violation } from "./checker/record.ts";
import type { Part } from "./stage.ts";

/** Does something that needs a part, begun after the part was killed; rejects, or says false, while it cannot be done. */
export type Probe = () => Promise<boolean>;

export interface Recoveries {
  /** From now, which is the moment of the kill, until the first success of the part's probe. */
  watch(part: Part): void;
  /** When all that were begun have ended. */
  done(): Promise<void>;
  /** Milliseconds by part. */
  samples: Map<Part, number[]>;
  violations: Violation[];
}

const limitMs = 90_000;
const everyMs = 50;
const besideMs = 1_000;

/** Measures how long a part is missed. Kills overlap: what another part's absence adds is in the figure. */
export function measureRecoveries(probes: Record<Part, Probe>): Recoveries {
  const samples = new Map<Part, number[]>();
  const violations: Violation[] = [];
  const open = new Map<Part, Promise<void>>();
  const begun = new Set<Promise<void>>();

  const until = async (part: Part) => {
    const since = performance.now();
    let took: number | undefined;
    while (took === undefined && performance.now() - since < limitMs) {
      const attempt = probes[part]()
        .catch(() => false)
        .then((succeeded) => {
          if (succeeded) took ??= performance.now() - since;
        })
        .finally(() => begun.delete(attempt));
      begun.add(attempt);
      // One that was begun while the part was away may come to its end late: others are begun beside it.
      await Promise.race([attempt, sleep(besideMs)]);
      if (took === undefined) await sleep(everyMs);
    }
    if (took !== undefined) samples.set(part, [...(samples.get(part) ?? []), took]);
    else
      violations.push({
        kind: "not-recovered",
        what: `nothing that needs ${part} succeeded within ${limitMs / 1000} s`,
      });
  };
  return {
    samples,
    violations,
    watch(part) {
      // Killed again before anything had succeeded: the time runs from the first kill.
      if (open.has(part)) return;
      open.set(
        part,
        until(part).finally(() => open.delete(part)),
      );
    },
    async done() {
      await Promise.all(open.values());
      await Promise.all(begun);
    },
  };
}
