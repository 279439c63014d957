import type { RequestHandler } from "express";
import { type Options, rateLimit } from "express-rate-limit";
import { PowerloomError } from "../core/errors.ts";
import { callerOf } from "./authenticate.ts";
import type { ApiDeps } from "./deps.ts";
import { sendProblem } from "./problem.ts";

const windowMs = 60_000;

/** Middleware behind authentication: `POWERLOOM_RATE_LIMIT` requests a minute and principal. */
export function limitByPrincipal(deps: Pick<ApiDeps, "config">): RequestHandler {
  return limit(deps, { keyGenerator: (_req, res) => callerOf(res).principalId });
}

/** Middleware where nobody has said who they are: the same number a minute and client address. */
export function limitByAddress(
  deps: Pick<ApiDeps, "config">,
  { skip, skipSuccessfulRequests, handler }: Pick<Partial<Options>, "skip" | "skipSuccessfulRequests" | "handler"> = {},
): RequestHandler {
  return limit(deps, {
    ...(skip === undefined ? {} : { skip }),
    ...(skipSuccessfulRequests === undefined ? {} : { skipSuccessfulRequests }),
    ...(handler === undefined ? {} : { handler }),
    // Whoever sends these headers without being a trusted proxy is no fault of ours to report: they are ignored.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
}

function limit({ config }: Pick<ApiDeps, "config">, options: Partial<Options>): RequestHandler {
  return rateLimit({
    windowMs,
    limit: config.rateLimit,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    handler: (_req, res) =>
      sendProblem(
        res,
        new PowerloomError("too_many_requests", `At most ${config.rateLimit} requests a minute. Wait and try again.`),
      ),
    ...options,
  });
}
