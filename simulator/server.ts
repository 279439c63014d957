import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express, Router } from "express";
import { Counter, Gauge, Registry } from "prom-client";
import { errorHandler, invalid, notFound } from "./http/errors.ts";
import { faultInjection } from "./http/faults.ts";
import { requireCredential, requireManagedAgentsBeta } from "./http/guard.ts";
import { jsonBody } from "./http/json-body.ts";
import { requestLog } from "./http/request-log.ts";
import { type Minds, minds } from "./messages/minds.ts";
import { messageRoutes } from "./messages/routes.ts";
import { agentRoutes } from "./resources/agents.ts";
import { credentialRoutes } from "./resources/credentials.ts";
import { environmentRoutes } from "./resources/environments.ts";
import { skillRoutes } from "./resources/skills.ts";
import { vaultRoutes } from "./resources/vaults.ts";
import { eventRoutes } from "./sessions/event-routes.ts";
import { createHolds, type Holds } from "./sessions/holds.ts";
import { sessionRoutes } from "./sessions/routes.ts";
import { type Runner, sessionRunner } from "./sessions/runner.ts";
import { openStore, type Store } from "./store/store.ts";

export interface SimulatorOptions {
  port: number;
  host: string;
  /** SQLite file that survives the process; absent: in memory. */
  stateFile?: string;
  /** Delay between words and steps. */
  paceMs?: number;
  log?: (line: Record<string, unknown>) => void;
}

export interface Simulator {
  url: string;
  port: number;
  /** Stops listening, lets running turns stop where they are, and closes the state. */
  close(): Promise<void>;
}

/** How long calls in flight may take to finish once the stand-in is told to stop. */
const drainMs = 2_000;

/** Starts the stand-in for the Anthropic API. It has no language model: see `operator/` for what it has instead. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const log = options.log ?? (() => {});
  const store = openStore(options.stateFile);
  const stopTurns = new AbortController();
  const abandonCalls = new AbortController();
  const closeStreams = new AbortController();
  const metrics = createMetrics();
  const holds = createHolds(stopTurns.signal);
  const runner = sessionRunner({
    store,
    paceMs: options.paceMs ?? 0,
    holds,
    stop: stopTurns.signal,
    abandon: abandonCalls.signal,
    onToolCall: (_server, outcome) => metrics.toolCalls.inc({ outcome }),
    onFailure: (session, error) =>
      log({ level: "error", msg: "turn failed", session, error: error instanceof Error ? error.stack : String(error) }),
  });
  metrics.runningTurns(() => runner.running());

  const paceMs = options.paceMs ?? 0;
  const app = createApp({ store, runner, metrics, holds, closing: closeStreams.signal, paceMs, log });
  const server = await listen(app, options);
  runner.resume();
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;

  return {
    url: `http://${host}:${port}`,
    port,
    close: async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      closeStreams.abort();
      stopTurns.abort();
      const patience = setTimeout(() => abandonCalls.abort(), drainMs);
      await runner.drain();
      clearTimeout(patience);
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), 500).unref();
      await stopped;
      store.close();
    },
  };
}

type Metrics = ReturnType<typeof createMetrics>;

function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: "simulator_requests_total",
      help: "Requests answered, by method and status",
      labelNames: ["method", "status"],
      registers,
    }),
    toolCalls: new Counter({
      name: "simulator_tool_calls_total",
      help: "Tool calls executed, by outcome",
      labelNames: ["outcome"],
      registers,
    }),
    runningTurns: (read: () => number) =>
      new Gauge({
        name: "simulator_running_turns",
        help: "Sessions that are working now",
        registers,
        collect() {
          this.set(read());
        },
      }),
  };
}

interface AppParts {
  store: Store;
  runner: Runner;
  metrics: Metrics;
  holds: Holds;
  closing: AbortSignal;
  paceMs: number;
  log: (line: Record<string, unknown>) => void;
}

function createApp({ store, runner, metrics, holds, closing, paceMs, log }: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", "simple");
  const requests = requestLog(({ method, status }) => metrics.requests.inc({ method, status }));
  const faults = faultInjection();
  const messageMinds = minds();

  app.get("/healthz", (_req, res) => void res.json({ status: "ok" }));
  app.get("/readyz", (_req, res) => void res.status(closing.aborted ? 503 : 200).json({ ready: !closing.aborted }));
  app.get("/metrics", async (_req, res) => {
    res.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.use("/_control", controlRoutes(requests, faults, messageMinds, holds));

  app.use(requests.middleware, faults.middleware, requireCredential);
  app.use(["/v1/agents", "/v1/environments", "/v1/vaults", "/v1/sessions"], requireManagedAgentsBeta);
  app.use(skillRoutes(store), agentRoutes(store), environmentRoutes(store), vaultRoutes(store));
  app.use(credentialRoutes(store), sessionRoutes(store, runner.wake), eventRoutes(store, runner.wake, closing));
  app.use(messageRoutes(messageMinds, { paceMs }));
  app.use(() => {
    throw notFound("Not found");
  });
  app.use(errorHandler(log));
  return app;
}

function controlRoutes(
  requests: ReturnType<typeof requestLog>,
  faults: ReturnType<typeof faultInjection>,
  messageMinds: Minds,
  holds: Holds,
): Router {
  const router = Router();
  router.use((req, _res, next) => {
    const remote = req.socket.remoteAddress ?? "";
    if (!/^(?:::ffff:)?127\.|^::1$/.test(remote)) throw notFound("Not found");
    next();
  });
  router.post("/faults", jsonBody, (req, res) => {
    try {
      res.json({ armed: faults.arm(req.body) });
    } catch (error) {
      if (error instanceof SyntaxError) throw invalid("match.path: is not a regular expression");
      throw error;
    }
  });
  router.delete("/faults", (_req, res) => {
    faults.clear();
    res.json({ armed: [] });
  });
  router.post("/minds", jsonBody, (req, res) => void res.json({ armed: messageMinds.arm(req.body) }));
  router.delete("/minds", (_req, res) => {
    messageMinds.clear();
    res.json({ armed: [] });
  });
  router.get("/minds", (_req, res) => void res.json({ data: messageMinds.view() }));
  router.post("/release", (_req, res) => void res.json({ released: holds.release() }));
  router.get("/requests", (_req, res) => void res.json({ data: requests.records() }));
  router.delete("/requests", (_req, res) => {
    requests.clear();
    res.json({ data: [] });
  });
  return router;
}

function listen(app: Express, { port, host }: SimulatorOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = app.listen(port, host, (error?: Error) => (error === undefined ? resolve(server) : reject(error)));
    // Open streams are silent for long; the default would cut them.
    server.requestTimeout = 0;
    server.keepAliveTimeout = 65_000;
  });
}
