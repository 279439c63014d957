import { useSyncExternalStore } from "react";
import { exact, inWords } from "./in-words.ts";

let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for all moments of a page. */
function watchClock(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of watchers) each();
  }, 10_000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** A time in the reader's zone: in words, exact on hover and for screen readers. */
export function Moment({ at, absolute = false }: { at: string | null | undefined; absolute?: boolean }) {
  const shownAt = useSyncExternalStore(watchClock, () => now);
  if (at === null || at === undefined) return <>–</>;
  const date = new Date(at);
  const full = exact.format(date);
  const words = absolute ? full : inWords(date, new Date(shownAt));
  return (
    <time dateTime={at} title={`${full} (${at})`} style={{ whiteSpace: "nowrap" }}>
      {words}
    </time>
  );
}
