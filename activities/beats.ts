import { activityInfo, Context, heartbeat } from "@temporalio/activity";

const beatMs = 500;

/**
 * Does something with heartbeats twice a second, so that a worker that dies is noticed within the heartbeat's time. `missed` says
 * whether another attempt may have been made: the process was frozen for long enough, or the server has said so in answer to a beat.
 * The SDK sends a beat only every 0.8 of the heartbeat's time, so a freeze of the rest may be too long.
 */
export async function beating<Result>(work: (missed: () => boolean) => Promise<Result>): Promise<Result> {
  const { heartbeatTimeoutMs = Number.POSITIVE_INFINITY } = activityInfo();
  const { cancellationSignal } = Context.current();
  let last = performance.now();
  let lapsed = false;
  const missed = () => {
    lapsed ||= cancellationSignal.aborted || performance.now() - last > 0.2 * heartbeatTimeoutMs;
    return lapsed;
  };
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
