import type { RequestHandler, Response } from "express";
import { z } from "zod";
import { ApiError, type ErrorStatus, sendError } from "./errors.ts";

const faultSchema = z.strictObject({
  match: z
    .strictObject({ method: z.string().toUpperCase().optional(), path: z.string().optional() })
    .default({})
    .describe("path is a regular expression over the request's path"),
  kind: z.enum(["400", "429", "500", "529", "drop_before", "drop_after", "delay", "cut_stream", "mid_stream_error"]),
  times: z.int().positive().default(1),
  retry_after: z.number().nonnegative().optional(),
  delay_ms: z.int().nonnegative().default(0),
  after_events: z.int().nonnegative().default(1).describe("of a streamed message: how many events come before"),
  error_type: z.string().default("api_error").describe("the type in a mid-stream error event"),
});

export type Fault = z.output<typeof faultSchema>;

/** What a stream does when a fault was armed for it: a session's after its first event, a message's after so many. */
export interface StreamFault {
  kind: "cut_stream" | "mid_stream_error";
  delayMs: number;
  afterEvents: number;
  errorType: string;
}

const messages: Partial<Record<ErrorStatus, string>> = {
  400: "This request is refused, however often it is made.",
  429: "This request would exceed your rate limit.",
  500: "Internal server error",
  529: "Overloaded",
};

/** The armed faults and the middleware that lets them happen. */
export function faultInjection() {
  let armed: Fault[] = [];

  const take = (method: string, path: string): Fault | undefined => {
    const fault = armed.find(
      ({ match }) =>
        (match.method === undefined || match.method === method) &&
        (match.path === undefined || new RegExp(match.path).test(path)),
    );
    if (fault === undefined) return undefined;
    fault.times -= 1;
    armed = armed.filter(({ times }) => times > 0);
    return fault;
  };

  const middleware: RequestHandler = (req, res, next) => {
    const fault = take(req.method, req.path);
    if (fault === undefined) return next();
    switch (fault.kind) {
      case "400":
      case "429":
      case "500":
      case "529": {
        const status = Number(fault.kind) as ErrorStatus;
        if (fault.retry_after !== undefined) res.setHeader("retry-after", String(fault.retry_after));
        return void setTimeout(() => sendError(res, new ApiError(status, messages[status] ?? "Error")), fault.delay_ms);
      }
      case "drop_before":
        return void req.socket.destroy();
      case "drop_after":
        dropInsteadOfAnswer(res);
        return next();
      case "delay":
        return void setTimeout(next, fault.delay_ms);
      case "cut_stream":
      case "mid_stream_error":
        res.locals["streamFault"] = {
          kind: fault.kind,
          delayMs: fault.delay_ms,
          afterEvents: fault.after_events,
          errorType: fault.error_type,
        } satisfies StreamFault;
        return next();
    }
  };

  return {
    middleware,
    arm: (body: unknown) => {
      const faults = z.union([faultSchema.transform((one) => [one]), z.array(faultSchema)]).parse(body);
      for (const { match } of faults) if (match.path !== undefined) new RegExp(match.path);
      armed.push(...faults);
      return armed;
    },
    clear: () => {
      armed = [];
    },
  };
}

// The request is processed as usual; only the answer never leaves.
function dropInsteadOfAnswer(res: Response): void {
  const drop = () => {
    res.socket?.destroy();
    return res;
  };
  res.end = drop;
  res.write = () => {
    drop();
    return false;
  };
}
