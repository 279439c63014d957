/** Looking at another window for less than this is not leaving. */
const graceMs = 5_000;

interface Visible {
  visibilityState: string;
  addEventListener(type: "visibilitychange", listener: () => void): void;
  removeEventListener(type: "visibilitychange", listener: () => void): void;
}

/** Undefined where there is no page: what is not in a browser is never hidden. */
const page = (globalThis as { document?: Visible }).document;

/** Resolves as soon as somebody may be looking at this page, or the signal aborts. */
export function shown(signal: AbortSignal): Promise<void> {
  return when(() => (isHidden() ? undefined : 0), signal);
}

/** Resolves when this page has been hidden for a few seconds, or the signal aborts. */
export function hidden(signal: AbortSignal): Promise<void> {
  return when(() => (isHidden() ? graceMs : undefined), signal);
}

function isHidden(): boolean {
  return page?.visibilityState === "hidden";
}

/** @param due how long it must stay so, in milliseconds; undefined: it is not so */
function when(due: () => number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const done = () => {
      clearTimeout(timer);
      page?.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const look = () => {
      clearTimeout(timer);
      const ms = due();
      if (ms === 0 || signal.aborted) done();
      else if (ms !== undefined) timer = setTimeout(done, ms);
    };
    page?.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", done);
    look();
  });
}
