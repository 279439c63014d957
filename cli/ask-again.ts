import { CliFailure, exitCodes } from "./failure.ts";

/**
 * How long to wait before asking again, milliseconds; undefined where that brings nothing. A refused request stays refused; a
 * restarting server does not stay away; one that has too much to do (429) is asked again when it has said when.
 * @param pause what is waited at least
 */
export function againAfter(error: unknown, pause: number): number | undefined {
  if (!(error instanceof CliFailure)) return pause;
  const { status = 0, retryable } = error.problem;
  const later = status === 429 && error.retryAfterMs !== undefined;
  const passes = later || error.exitCode === exitCodes.unreachable || retryable === true || status >= 500;
  return passes ? Math.max(pause, error.retryAfterMs ?? 0) : undefined;
}

/** Reads `Retry-After`: seconds, or a date (RFC 9110 §10.2.3). Milliseconds; undefined when it is neither. */
export function readRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return /[a-z]/i.test(value) && !Number.isNaN(at) ? Math.max(0, at - now) : undefined;
}
