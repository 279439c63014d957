import { setTimeout as sleep } from "node:timers/promises";
import { activityInfo, Context, heartbeat } from "@temporalio/activity";

const beatMs = 500;
/** Whoever is frozen again and again for so long gives up: another attempt may fare better. */
const patienceMs = 15_000;

/** Thrown by an attempt before it does what must not be done twice, when another one may have been made meanwhile. */
export class Overtaken extends Error {
  constructor() {
    super("another attempt may have been made meanwhile");
  }
}

/** What an attempt knows of others. */
export interface Attempt {
  /**
   * Whether another one may have been made: the process was frozen for long enough, and the server has not taken a beat since; the
   * server has said so in answer to a beat; or the attempt's time is over.
   */
  missed: () => boolean;
  /** Goes on when no other one has been made. After a freeze it waits until the server has taken a beat. Throws `Overtaken`. */
  certain: () => Promise<void>;
}

/**
 * Does something with heartbeats twice a second, so that a worker that dies is noticed within the heartbeat's time. The SDK sends a
 * beat only every 0.8 of that time: a freeze of the rest may be too long, and when as much time has passed again the server has
 * taken one, or has said that it takes none.
 */
export async function beating<Result>(work: (attempt: Attempt) => Promise<Result>): Promise<Result> {
  const { isLocal, heartbeatTimeoutMs = 0, startToCloseTimeoutMs } = activityInfo();
  const { cancellationSignal } = Context.current();
  const begun = performance.now();
  let last = begun;
  let frozen = Number.NEGATIVE_INFINITY;
  // Told by the server that it is not wanted any more, or by its worker that it ends; not by its workflow, which waits for it.
  const dismissed = () =>
    (cancellationSignal.aborted && String(cancellationSignal.reason?.message) !== "CANCELLED") ||
    (startToCloseTimeoutMs > 0 && performance.now() - begun > startToCloseTimeoutMs);
  const missed = () => {
    const now = performance.now();
    if (heartbeatTimeoutMs > 0 && now - last > 0.2 * heartbeatTimeoutMs) frozen = now;
    return dismissed() || now - frozen < heartbeatTimeoutMs;
  };
  const certain = async () => {
    const since = performance.now();
    while (missed()) {
      if (dismissed() || performance.now() - since > patienceMs) throw new Overtaken();
      await sleep(beatMs / 2);
    }
  };
  // Nobody listens to a local one.
  if (isLocal) return await work({ missed, certain });
  const timer = setInterval(() => {
    missed();
    last = performance.now();
    heartbeat();
  }, beatMs);
  // At once: an attempt whose worker was frozen before it began learns from the answer that it is over.
  heartbeat();
  try {
    return await work({ missed, certain });
  } finally {
    clearInterval(timer);
  }
}
