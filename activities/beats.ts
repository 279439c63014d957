import { activityInfo, heartbeat } from "@temporalio/activity";

const beatMs = 500;

/** Heartbeats of one attempt of an activity. */
interface Beats {
  /** Whether the process was ever frozen for so long that another attempt may have been made. */
  missed: () => boolean;
  stop: () => void;
}

/**
 * Beats twice a second, so that a worker that dies is noticed within the heartbeat's time. The SDK sends a beat only every 0.8 of
 * that time: a freeze of the rest and of one beat may be too long.
 */
export function startBeats(): Beats {
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
  return { missed, stop: () => clearInterval(timer) };
}

/** Does something with heartbeats. */
export async function beating<Result>(work: () => Promise<Result>): Promise<Result> {
  const beats = startBeats();
  try {
    return await work();
  } finally {
    beats.stop();
  }
}
