import { hostHeaderValidation, originValidation } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import type { McpHttpHandler } from "@modelcontextprotocol/server";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import type { Logger } from "pino";
import type { Drain } from "./drain.ts";
import type { Metrics } from "./metrics.ts";
import { type ProtectedResource, wellKnownPath } from "./protected-resource.ts";

/** One MCP server behind a URL of its own. */
export interface McpEndpoint {
  handler: McpHttpHandler;
  authenticate: RequestHandler;
  resource: ProtectedResource;
}

/** What the HTTP surface is made of. */
export interface HttpParts {
  /** A client that asks for metadata without a path is told of the first. */
  endpoints: readonly [McpEndpoint, ...McpEndpoint[]];
  drain: Drain;
  metrics: Metrics;
  /** Whether the API is ready. */
  apiReady: () => Promise<boolean>;
  /** Names under which the endpoints may be addressed. */
  hostnames: string[];
  log: Logger;
}

/** The routes: health and metrics for operators, metadata for everybody, the MCP endpoints for bearers. */
export function httpApp(parts: HttpParts): Express {
  const { endpoints, drain, metrics, log } = parts;
  const app = express();
  app.disable("x-powered-by");
  app.use(drain.middleware);

  // Before the check of the Host header: probes come by IP address.
  app.get("/healthz", (_request, response) => void response.json({ status: "ok" }));
  app.get("/readyz", async (_request, response) => {
    const ready = !drain.draining() && (await parts.apiReady());
    response.status(ready ? 200 : 503).json({ status: ready ? "ready" : "not ready" });
  });
  app.get("/metrics", async (_request, response) => {
    const { contentType, text } = await metrics.exposition();
    response.type(contentType).send(text);
  });

  // Against DNS rebinding: a page in a browser must not reach a server on this machine under its own name.
  app.use(hostHeaderValidation(parts.hostnames), originValidation(parts.hostnames));

  const answerMetadata =
    ({ metadata }: ProtectedResource): RequestHandler =>
    (_request, response) => {
      response.set("Access-Control-Allow-Origin", "*").set("Cache-Control", "public, max-age=300").json(metadata);
    };
  for (const { handler, authenticate, resource } of endpoints) {
    app.get(resource.metadataPaths, answerMetadata(resource));
    // The body is read by the handler, after the bearer was checked: strangers cannot make us parse.
    const serve = toNodeHandler(handler, {
      maxRequestBodySize: 1024 * 1024,
      onerror: (error) => log.error({ err: error }, "MCP request failed"),
    });
    app.all(resource.endpointPaths, authenticate, (request, response) => serve(request, response));
  }
  app.get(wellKnownPath, answerMetadata(endpoints[0].resource));

  app.use((_request, response) => void response.status(404).json({ error: "not_found" }));
  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    log.error({ err: error }, "request failed");
    if (response.headersSent) response.destroy();
    else response.status(500).json({ error: "server_error" });
  };
  app.use(onError);
  return app;
}
