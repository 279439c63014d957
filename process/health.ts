import type { Server } from "node:http";
import { type Request, type Response, Router } from "express";
import { collectDefaultMetrics, Registry } from "prom-client";

export interface Health {
  registry: Registry;
  /** True once the process stops: not ready any more, though still answering. */
  draining: boolean;
  /** What it needs to do its work; throws when something is missing. */
  check: () => Promise<void>;
}

export function createHealth(part: string, check: () => Promise<void>): Health {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  collectDefaultMetrics({ register: registry });
  return { registry, draining: false, check };
}

/** `/healthz` (alive), `/readyz` (can do its work), `/metrics` (Prometheus). */
export function healthRoutes(health: Health): Router {
  const router = Router();
  router.get("/healthz", (_req, res) => {
    res.json({ status: "ok" });
  });
  router.get("/readyz", (_req, res) => ready(health, res));
  router.get("/metrics", async (_req: Request, res: Response) => {
    res.type(health.registry.contentType).send(await health.registry.metrics());
  });
  return router;
}

async function ready(health: Health, res: Response): Promise<void> {
  if (health.draining) {
    res.status(503).json({ status: "draining" });
    return;
  }
  try {
    await health.check();
    res.json({ status: "ready" });
  } catch (error) {
    res.status(503).json({ status: "not ready", reason: error instanceof Error ? error.message : "unknown" });
  }
}

/** Listens, or fails with a sentence. */
export function listenOn(server: Server, port: number, host: string, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new Error(`Port ${port} is taken, needed by ${what}.`) : error);
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
