/** `12 ms`, `3.2 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 59_950) return `${(whole / 1_000).toFixed(1)} s`;
  const seconds = Math.round(whole / 1_000);
  const two = (number: number) => String(number).padStart(2, "0");
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
}

/** Millionths of a US dollar as dollars; small amounts with more digits. */
export function dollars(micros: number): string {
  const amount = micros / 1_000_000;
  return `$${amount.toFixed(amount > 0 && amount < 1 ? 4 : 2)}`;
}

const grouped = new Intl.NumberFormat("en");

/** `12,345`. */
export function count(number: number): string {
  return grouped.format(number);
}

/** `950`, `12.3k`, `2M`. */
export function shortCount(number: number): string {
  if (number < 1_000) return String(number);
  if (number < 999_950) return `${trimmed(number / 1_000)}k`;
  return `${trimmed(number / 1_000_000)}M`;
}

function trimmed(number: number): string {
  return number.toFixed(1).replace(/\.0$/, "");
}
