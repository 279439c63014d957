import type { Response } from "express";
import type { ApiDeps } from "./deps.ts";

/** Whoever does not read is waited for this long, then cut off; they resume from their last position. */
const patienceMs = 30_000;
const lookMs = 250;

/** Server-sent events to one client, of which no more is kept than the connection takes. */
export interface EventStream {
  /** Whether anybody is there still. */
  readonly open: boolean;
  /** Writes, and waits until the client has room for more. */
  write(text: string): Promise<void>;
}

/** Begins a stream of server-sent events. */
export function openEventStream({ now }: Pick<ApiDeps, "now">, res: Response): EventStream {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" });
  res.write(": connected\n\n");
  return {
    get open() {
      return !res.destroyed;
    },
    async write(text) {
      res.write(text);
      const since = now().getTime();
      while (res.writableNeedDrain && !res.destroyed) {
        if (now().getTime() - since >= patienceMs) res.destroy();
        else await roomOrMoment(res);
      }
    },
  };
}

/** Until there is room, the client has gone, or it is time to look again. */
function roomOrMoment(res: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      res.off("drain", done);
      res.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, lookMs);
    res.once("drain", done);
    res.once("close", done);
  });
}
