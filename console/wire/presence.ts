/** Looking at another window for less than this is not leaving. */
const graceMs = 5_000;

interface Heard {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** Both are undefined outside a browser, where somebody always looks and nobody knows of networks. */
const { document: page, addEventListener } = globalThis as Partial<Heard> & {
  document?: Heard & { visibilityState: string };
};
const browser = addEventListener === undefined ? undefined : (globalThis as unknown as Heard);

const isHidden = () => page?.visibilityState === "hidden";

/** Resolves as soon as somebody may be looking at this page, or the signal aborts. */
export function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (isHidden() && !signal.aborted) return;
      page?.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    };
    page?.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/** Calls `leave` when this page has been hidden for a few seconds, or the browser finds itself offline, until the signal aborts. */
export function onLeave(leave: () => void, signal: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    if (isHidden()) timer = setTimeout(leave, graceMs);
  };
  page?.addEventListener("visibilitychange", look);
  browser?.addEventListener("offline", leave);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    page?.removeEventListener("visibilitychange", look);
    browser?.removeEventListener("offline", leave);
  });
  look();
}

/** Waits; not longer than until the browser is online again, or the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      browser?.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    browser?.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
