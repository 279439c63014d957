import type { RequestHandler } from "express";
import type { ApiDeps } from "../deps.ts";
import { recordSecurityEvent } from "../security-events.ts";
import { type foreignOrigin, refusedOrigin } from "./same-origin.ts";

/** Middleware: refuses what other sites' pages send; it would sign a browser in, or take a token with it. */
export function refuseCrossSite(deps: ApiDeps, why: typeof foreignOrigin): RequestHandler {
  return async (req, _res, next) => {
    const reason = why(deps.config, req);
    if (reason !== undefined) {
      await recordSecurityEvent(deps, "cross_site_request", { reason, method: req.method, path: req.path });
      throw refusedOrigin(reason);
    }
    next();
  };
}
