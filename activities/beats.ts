import { activityInfo, heartbeat } from "@temporalio/activity";

const beatMs = 500;

/**
 * Does something with heartbeats twice a second, so that a worker that dies is noticed within the heartbeat's time. `missed` says
 * whether the process was ever frozen for so long that another attempt may have been made: the SDK sends a beat only every 0.8 of
 * that time, so a freeze of the rest and of one beat may be too long.
 */
export async function beating<Result>(work: (missed: () => boolean) => Promise<Result>): Promise<Result> {
  const { heartbeatTimeoutMs = Number.POSITIVE_INFINITY } = activityInfo();
  let last = performance.now();
  let lapsed = false;
  const missed = () => {
    lapsed ||= performance.now() - last > beatMs + 0.2 * heartbeatTimeoutMs;
    return lapsed;
  };
  const timer = setInterval(() => {
    missed();
    last = performance.now();
    heartbeat();
  }, beatMs);
  try {
    return await work(missed);
  } finally {
    clearInterval(timer);
  }
}
