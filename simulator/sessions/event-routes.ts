import { Router } from "express";
import { invalid } from "../http/errors.ts";
import type { StreamFault } from "../http/faults.ts";
import { jsonBody } from "../http/json-body.ts";
import { createdRange, many, readingOrder, readPage, takePage } from "../http/pages.ts";
import type { Store } from "../store/store.ts";
import type { UserEvent } from "../store/wire.ts";
import { findSession } from "./routes.ts";
import { sendBody } from "./schema.ts";
import { queueEvents } from "./send.ts";
import { openStream } from "./stream.ts";

/** `/v1/sessions/{id}/events`: send, list, stream. */
export function eventRoutes(store: Store, wake: (sessionId: string) => void, closing: AbortSignal): Router {
  const router = Router();

  router.post("/v1/sessions/:id/events", jsonBody, (req, res) => {
    const session = findSession(store, String(req.params["id"]));
    const { events } = sendBody.parse(req.body);
    const data = queueEvents(store, session, events) as UserEvent[];
    // The answer carries the events as queued; the session starts on them in the next turn of the event loop.
    setImmediate(() => wake(session.id));
    res.json({ data });
  });

  router.get("/v1/sessions/:id/events", (req, res) => {
    const { id } = findSession(store, req.params.id);
    const request = readPage(req, { limit: 1000, max: 1000, order: "asc" });
    const types = many(req, "types");
    const rows = store.events.list(id, {
      order: readingOrder(request),
      limit: request.limit + 1,
      created: createdRange(req),
      ...(types === undefined ? {} : { types }),
      ...(request.after === undefined ? {} : { after: request.after }),
    });
    const { data, next_page } = takePage(
      rows.map(({ seq, event }) => ({ seq, object: event })),
      request,
    );
    res.json({ data, next_page });
  });

  router.get("/v1/sessions/:id/events/stream", (req, res) => {
    const { id } = findSession(store, req.params.id);
    const previews = new Set(many(req, "event_deltas") ?? []);
    for (const type of previews) {
      if (type !== "agent.message" && type !== "agent.thinking")
        throw invalid(`event_deltas: "${type}" is not allowed`);
    }
    const fault = res.locals["streamFault"] as StreamFault | undefined;
    openStream({ res, events: store.events, sessionId: id, previews, fault, closing });
  });
  return router;
}
