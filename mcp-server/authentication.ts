import { bearerAuthChallengeResponse, OAuthError, verifyBearerToken } from "@modelcontextprotocol/server";
import type { RequestHandler, Response } from "express";
import type { Logger } from "pino";
import { JudgedByApi, NoVerdict, type SessionBearer } from "./introspection.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Lets a request through when its bearer holds. The SDK's own middleware is not used because it knows no 503: an
 * unreachable API would look like an invalid token, and clients would throw good credentials away.
 */
export function requireSessionBearer(options: {
  introspect: (token: string) => Promise<SessionBearer>;
  /** Has a refusal recorded that nobody else knows of. */
  report: (reason: string) => Promise<void>;
  resourceMetadataUrl: string;
  metrics: Metrics;
  log: Logger;
}): RequestHandler {
  const { introspect, report, resourceMetadataUrl, metrics, log } = options;
  const verifier = {
    verifyAccessToken: async (token: string) => {
      const { sid, sub, clientId, expiresAt } = await introspect(token);
      return { token, clientId, scopes: [], expiresAt, extra: { sid, sub } };
    },
  };

  return async (request, response, next) => {
    try {
      request.auth = await verifyBearerToken(request.headers.authorization, { verifier, resourceMetadataUrl });
    } catch (error) {
      if (error instanceof OAuthError) {
        metrics.authentication("refused");
        log.info({ reason: error.message }, "bearer refused");
        if (request.headers.authorization !== undefined && !(error instanceof JudgedByApi)) await report(error.message);
        await answer(response, bearerAuthChallengeResponse(error, { resourceMetadataUrl }));
        return;
      }
      metrics.authentication("no_verdict");
      log.warn({ err: error }, error instanceof NoVerdict ? "no verdict on a bearer" : "authentication failed");
      response
        .status(503)
        .set("Retry-After", "1")
        .json({ error: "temporarily_unavailable", error_description: "The Powerloom API cannot be reached right now" });
      return;
    }
    metrics.authentication("accepted");
    next();
  };
}

async function answer(response: Response, challenge: globalThis.Response): Promise<void> {
  const header = challenge.headers.get("WWW-Authenticate");
  if (header !== null) response.set("WWW-Authenticate", header);
  response.status(challenge.status).json(await challenge.json());
}
