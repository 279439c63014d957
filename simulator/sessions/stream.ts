import type { Response } from "express";
import type { StreamFault } from "../http/faults.ts";
import type { EventLog, StreamMessage } from "../store/events.ts";

const heartbeatMs = 15_000;

interface StreamOptions {
  res: Response;
  events: EventLog;
  sessionId: string;
  previews: Set<string>;
  fault: StreamFault | undefined;
  closing: AbortSignal;
}

/** Serves what happens from now on as server-sent events. There is no replay: clients list and merge. */
export function openStream({ res, events, sessionId, previews, fault, closing }: StreamOptions): void {
  res.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
  });
  // The SDK counts its timeout until the headers arrive.
  res.flushHeaders();

  const record = (name: string, data: unknown) => res.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  const started = new Set<string>();
  const send = (message: StreamMessage) => {
    if (message.kind === "event") {
      record(message.event.type, message.event);
      if (message.event.type === "session.deleted") res.end();
      else if (fault !== undefined) misbehave(res, fault, record);
      return;
    }
    const { preview } = message;
    if (preview.type === "event_start") {
      if (!previews.has(preview.event.type)) return;
      started.add(preview.event.id);
    } else if (!started.has(preview.event_id)) return;
    record(preview.type, preview);
  };

  const unsubscribe = events.subscribe(sessionId, send);
  const heartbeat = setInterval(() => record("ping", { type: "ping" }), heartbeatMs);
  const end = () => res.end();
  closing.addEventListener("abort", end, { once: true });
  res.once("close", () => {
    clearInterval(heartbeat);
    closing.removeEventListener("abort", end);
    unsubscribe();
  });
}

function misbehave(res: Response, fault: StreamFault, record: (name: string, data: unknown) => void): void {
  setTimeout(() => {
    if (fault.kind === "mid_stream_error" && !res.writableEnded) {
      record("error", { type: "error", error: { type: "api_error", message: "Internal server error" } });
      res.end();
    } else {
      res.socket?.destroy();
    }
  }, fault.delayMs);
}
