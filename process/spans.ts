import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";

/** A span that has ended, with ids of its own. */
interface FinishedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  sampled: boolean;
  name: string;
  kind: "internal" | "client";
  start: number;
  end: number;
  attributes: Record<string, string | number | boolean | string[]>;
  failed: boolean;
}

export interface Spans {
  /** Has spans made and sent in batches, later. Never throws and keeps nobody waiting. */
  tell(spans: () => Promise<readonly FinishedSpan[]>): void;
  /** Sends what is left, for so long at most. */
  close(withinMs?: number): Promise<void>;
}

/**
 * Sends spans over OTLP/HTTP; where to, with which headers and for how long the exporter reads from the standard variables.
 * The spans are built from rows, not measured here, so no tracer is registered.
 */
export function openSpans(serviceName: string, log: Logger): Spans {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "service.name": serviceName }))
    .merge(detectResources({ detectors: [envDetector] }));
  const processor = new BatchSpanProcessor({
    exporter: reporting(new OTLPTraceExporter(), log),
    scheduledDelayMillis: 1_000,
  });
  const pending = new Set<Promise<void>>();
  return {
    tell(spans) {
      const work = spans().then(
        (made) => {
          for (const span of made) processor.onEnd(asReadable(span, resource));
        },
        (error: unknown) => log.warn({ err: error }, "a span could not be made"),
      );
      pending.add(work);
      void work.finally(() => pending.delete(work));
    },
    async close(withinMs = 3_000) {
      const flushed = Promise.all(pending).then(() => processor.shutdown());
      // What could not be sent has been logged.
      const settled = flushed.catch(() => undefined);
      await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, withinMs).unref())]);
    },
  };
}

/** The SDK keeps failures to itself. */
function reporting(exporter: SpanExporter, log: Logger): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.error !== undefined)
          log.warn({ reason: result.error.message, lost: spans.length }, "spans could not be exported");
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}

function asReadable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const traceFlags = span.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const contextOf = (spanId: string) => ({ traceId: span.traceId, spanId, traceFlags });
  return {
    name: span.name,
    kind: span.kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL,
    spanContext: () => contextOf(span.spanId),
    ...(span.parentSpanId === null ? {} : { parentSpanContext: contextOf(span.parentSpanId) }),
    startTime: hrTime(span.start),
    endTime: hrTime(span.end),
    duration: hrTime(span.end - span.start),
    status: { code: span.failed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: span.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: "powerloom.runs" },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1_000_000)];
}
