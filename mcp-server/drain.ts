import type { Server, ServerResponse } from "node:http";
import type { RequestHandler } from "express";

/** Lets a server finish what it has begun. */
export interface Drain {
  middleware: RequestHandler;
  draining(): boolean;
  /** Stops accepting, waits for requests in flight, at most `patienceMs`. Safe to call twice. */
  close(patienceMs: number): Promise<void>;
}

/** Graceful end of an HTTP server: whoever keeps a connection open is told to close it with the next answer. */
export function createDrain(server: Server): Drain {
  const inFlight = new Set<ServerResponse>();
  let closing: Promise<void> | undefined;

  const finish = async (patienceMs: number) => {
    for (const response of inFlight) if (!response.headersSent) response.setHeader("Connection", "close");
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const late = setTimeout(() => server.closeAllConnections(), patienceMs);
    await closed;
    clearTimeout(late);
  };

  return {
    middleware: (_request, response, next) => {
      inFlight.add(response);
      response.once("close", () => {
        inFlight.delete(response);
        // An answer whose headers went out before the drain began could not say so; its connection is idle by now.
        if (closing !== undefined) setImmediate(() => server.closeIdleConnections());
      });
      if (closing !== undefined) response.setHeader("Connection", "close");
      next();
    },
    draining: () => closing !== undefined,
    close: (patienceMs) => {
      closing ??= finish(patienceMs);
      return closing;
    },
  };
}
