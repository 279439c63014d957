import { activityInfo, Context, heartbeat } from "@temporalio/activity";

const beatMs = 500;

/** Thrown by an attempt before it does what must not be done twice, when another one may have been made meanwhile. */
export class Overtaken extends Error {
  constructor() {
    super("another attempt may have been made meanwhile");
  }
}

/**
 * Does something with heartbeats twice a second, so that a worker that dies is noticed within the heartbeat's time. `missed` says
 * whether another attempt may have been made: the process was frozen for long enough, the server has said so in answer to a beat, or
 * the attempt's time is over. The SDK sends a beat only every 0.8 of the heartbeat's time, so a freeze of the rest may be too long.
 */
export async function beating<Result>(work: (missed: () => boolean) => Promise<Result>): Promise<Result> {
  const { isLocal, heartbeatTimeoutMs = 0, startToCloseTimeoutMs } = activityInfo();
  const { cancellationSignal } = Context.current();
  const begun = performance.now();
  let last = begun;
  let lapsed = false;
  const over = (since: number, ms: number) => ms > 0 && performance.now() - since > ms;
  // Told by the server that it is not wanted any more, or by its worker that it ends; not by its workflow, which waits for it.
  const dismissed = () => cancellationSignal.aborted && String(cancellationSignal.reason?.message) !== "CANCELLED";
  const missed = () => {
    lapsed ||= dismissed() || over(last, 0.2 * heartbeatTimeoutMs) || over(begun, startToCloseTimeoutMs);
    return lapsed;
  };
  // Nobody listens to a local one.
  if (isLocal) return await work(missed);
  const timer = setInterval(() => {
    missed();
    last = performance.now();
    heartbeat();
  }, beatMs);
  heartbeat();
  try {
    return await work(missed);
  } finally {
    clearInterval(timer);
  }
}
