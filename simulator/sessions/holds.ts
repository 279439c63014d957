/** Messages that a script holds in the middle of their words, until they are let go. */
export interface Holds {
  /** Waits until {@link Holds.release}, or until the stand-in stops. */
  wait(): Promise<void>;
  /** Lets go what waits now. @returns how many */
  release(): number;
}

export function createHolds(stop: AbortSignal): Holds {
  const waiting = new Set<() => void>();
  const release = () => {
    const released = [...waiting];
    waiting.clear();
    for (const go of released) go();
    return released.length;
  };
  stop.addEventListener("abort", release, { once: true });
  return {
    wait: () => (stop.aborted ? Promise.resolve() : new Promise((resolve) => waiting.add(resolve))),
    release,
  };
}
