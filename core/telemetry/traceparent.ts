/** Where a trace was before it came here: W3C Trace Context, level 1. */
export interface TraceParent {
  traceId: string;
  spanId: string;
  /** Whether the caller records the trace. */
  sampled: boolean;
}

/**
 * Reads a `traceparent` header. Whatever is not valid counts as absent, and a new trace begins (W3C Trace Context §4.3).
 * Of versions to come, the part that version 00 knows is read.
 */
export function readTraceParent(header: string | null | undefined): TraceParent | null {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header ?? "");
  const [, version = "ff", traceId = "", spanId = "", flags = "00", more] = found ?? [];
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The header in version 00, as it is kept. */
export function writeTraceParent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}
