const steps = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Number.POSITIVE_INFINITY],
] as const;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
/** A time in full, in the reader's zone. */
export const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

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
