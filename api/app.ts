import express, { type Express } from "express";
import helmet from "helmet";
import { pinoHttp } from "pino-http";
import { Histogram } from "prom-client";
import { absolutePath } from "swagger-ui-dist";
import { PowerloomError } from "../core/errors.ts";
import { operations } from "../operations/registry.ts";
import { type Health, healthRoutes } from "../process/health.ts";
import { actionRoutes } from "./actions/perform.ts";
import { authenticate, createIdentifier } from "./authenticate.ts";
import { consoleRoutes } from "./console/serve.ts";
import type { ApiDeps } from "./deps.ts";
import { mutationHandler } from "./mutations.ts";
import { oauthRoutes } from "./oauth.ts";
import { openApiDocument } from "./openapi.ts";
import { answerProblems, notFound } from "./problem.ts";
import { limitByAddress, limitByPrincipal } from "./rate-limits.ts";
import { auditExportRoutes } from "./routes/audit-export.ts";
import { bootstrapRoutes } from "./routes/bootstrap.ts";
import { devLoginRoutes } from "./routes/dev-login.ts";
import { eventRoutes } from "./routes/events.ts";
import { oidcSignInRoutes } from "./routes/oidc-sign-in.ts";
import { readRoutes } from "./routes/reads.ts";
import { runStreamRoutes } from "./routes/run-stream.ts";
import { signInRoutes, signOutRoutes } from "./routes/sign-in.ts";

/** The API: health and tokens without authentication, everything else behind it. */
export function createApp(deps: ApiDeps, health: Health): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  // Only what these say of a client's address counts (`X-Forwarded-For`); of everybody else it is the connection's.
  app.set("trust proxy", [...deps.config.trustedProxies]);
  app.use(
    helmet({
      frameguard: { action: "deny" },
      // What is not a page loads nothing. Pages say what they need: the documentation below, the console in its own folder.
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    }),
  );
  app.use(healthRoutes(health));
  app.use(pinoHttp({ logger: deps.log, useLevel: "debug", serializers: { req: briefRequest, res: briefAnswer } }));
  app.use(measure(health));
  app.use(consoleRoutes(deps));

  const identifier = createIdentifier(deps);
  app.use(oauthRoutes(deps, identifier));
  app.use(["/dev/login", "/sign-in/options", "/sign-in/dev"], limitByAddress(deps));
  app.use(express.json({ limit: "1mb" }));
  app.use(devLoginRoutes(deps));
  app.use(signInRoutes(deps));
  app.use(oidcSignInRoutes(deps, identifier));
  const document = JSON.stringify(openApiDocument(deps.config.apiUrl));
  app.get("/openapi.json", (_req, res) => {
    res.type("application/json").send(document);
  });
  app.use("/docs", documentationPolicy(deps.config.apiUrl), documentation());

  app.use(keepNowhere);
  app.use(authenticate(deps, identifier));
  // Behind it: what another site sends is refused, and told of, as that.
  app.use(refuseOtherBodies);
  app.use(limitByPrincipal(deps));
  app.use(signOutRoutes(deps));
  // Before `/audit/:position`, which would take its path for a position.
  app.use(auditExportRoutes(deps));
  app.use(readRoutes(deps));
  for (const operation of operations) {
    const method = operation.http.method.toLowerCase() as "post" | "patch" | "delete";
    app[method](operation.http.path, mutationHandler(deps, operation));
  }
  app.use(actionRoutes(deps));
  app.use(bootstrapRoutes(deps));
  app.use(eventRoutes(deps));
  app.use(runStreamRoutes(deps));
  app.use(notFound);
  app.use(answerProblems(deps));
  return app;
}

/** A body of another type is refused, not passed over: whoever sent it meant something by it. */
const refuseOtherBodies: express.RequestHandler = (req, _res, next) => {
  const hasBody = req.get("transfer-encoding") !== undefined || Number(req.get("content-length") ?? "0") > 0;
  if (hasBody && req.body === undefined)
    throw new PowerloomError("unsupported_media_type", "Send application/json in UTF-8.");
  next();
};

/** What somebody may see is theirs alone: nothing keeps it that does not say otherwise itself. */
const keepNowhere: express.RequestHandler = (_req, res, next) => {
  res.set("Cache-Control", "no-store");
  next();
};

function briefRequest(req: { method: string; url: string; id: unknown }) {
  // Tickets travel in query strings: only the path is logged.
  return { id: req.id, method: req.method, path: req.url.split("?")[0] };
}

function briefAnswer(res: { statusCode: number }) {
  // Cookies are set in headers: only the status is logged.
  return { statusCode: res.statusCode };
}

function measure(health: Health): express.RequestHandler {
  const seconds = new Histogram({
    name: "powerloom_http_request_duration_seconds",
    help: "Duration of API requests",
    labelNames: ["method", "operation", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers: [health.registry],
  });
  return (req, res, next) => {
    const stop = seconds.startTimer();
    res.on("finish", () =>
      stop({ method: req.method, operation: String(res.locals["operation"] ?? "other"), status: `${res.statusCode}` }),
    );
    next();
  };
}

/** The documentation page runs its own script from here, and nothing from elsewhere. */
function documentationPolicy(apiUrl: string): express.RequestHandler {
  return helmet.contentSecurityPolicy({
    directives: {
      defaultSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", "data:"],
      frameAncestors: ["'none'"],
      // On a plain-http development server there is nothing to upgrade to.
      upgradeInsecureRequests: apiUrl.startsWith("https://") ? [] : null,
    },
  });
}

function documentation(): express.Router {
  const router = express.Router();
  router.get("/", (_req, res) => {
    res.type("html").send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Powerloom API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>`,
    );
  });
  router.get("/start.js", (_req, res) => {
    res.type("js").send('SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });');
  });
  router.use(express.static(absolutePath(), { index: false }));
  return router;
}
