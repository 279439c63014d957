import { useSyncExternalStore } from "react";

const steps = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Number.POSITIVE_INFINITY],
] as const;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** A time seen from another, in words: `3 min. ago`, `in 2 hr.`. */
export function inWords(at: Date, now: Date): string {
  let amount = (at.getTime() - now.getTime()) / 1000;
  // Clocks differ a little, and a page's own ticks every ten seconds: what has just happened is not in the future.
  if (amount > -5 && amount < 12) return "just now";
  for (const [unit, size] of steps) {
    if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
    amount /= size;
  }
  return exact.format(at);
}

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
