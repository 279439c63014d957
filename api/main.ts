import { createServer } from "node:http";
import { v7 } from "uuid";
import { readConfig } from "../config.ts";
import { seal, unseal } from "../core/sealing.ts";
import { assertUnprivileged, openDatabase } from "../db/database.ts";
import { createHealth, listenOn } from "../process/health.ts";
import { createLogger } from "../process/log.ts";
import { runPart } from "../process/run.ts";
import { exitWhenParentGoes } from "../stack/parent.ts";
import { connectTemporal } from "../temporal/connect.ts";
import { checkSearchAttributes } from "../temporal/search-attributes.ts";
import { createApp } from "./app.ts";
import type { ApiDeps } from "./deps.ts";
import { listenToDatabase } from "./notifications.ts";
import { readDefinitions } from "./runs/definitions.ts";
import { openSigningKeys } from "./signing-keys.ts";
import { attachStreams } from "./stream.ts";

const log = createLogger("api", process.env["POWERLOOM_LOG_LEVEL"] ?? "info");
exitWhenParentGoes();

await runPart(log, async () => {
  const config = readConfig(process.env);
  const db = openDatabase(config.databaseUrl, { name: "powerloom-api", max: 30 });
  await assertUnprivileged(db.pool, "api");
  if (config.issuerDatabaseUrl === undefined) throw new Error("ISSUER_DATABASE_URL is not set: the API issues tokens");
  const keys = await openSigningKeys({
    databaseUrl: config.issuerDatabaseUrl,
    sealingKey: config.sealingKey,
    issuer: config.apiUrl,
  });
  const target = { address: config.temporalAddress, namespace: config.temporalNamespace };
  const temporal = await connectTemporal(target);
  await checkSearchAttributes(temporal, target, log);
  const deps: ApiDeps = {
    config,
    db,
    keys,
    notifications: listenToDatabase(config.databaseUrl, log),
    definitions: await readDefinitions(config.agentsDirectory),
    temporal,
    log,
    now: () => new Date(),
    newId: () => v7(),
    seal: (secret) => seal(config.sealingKey, secret),
    unseal: (sealed) => unseal(config.sealingKey, sealed),
  };
  const health = createHealth("api", async () => {
    await db.pool.query("select 1");
  });
  // Looked at each second: else a client that sends a byte now and then is let go of up to half a minute late.
  const server = createServer({ connectionsCheckingInterval: 1_000 }, createApp(deps, health));
  // Longer than any proxy's idle time in front: the proxy closes first, never into a request.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 10_000;
  server.requestTimeout = 60_000;
  const closeStreams = attachStreams(server, deps);
  const port = await listenOn(server, config.apiPort, config.host, "the API (POWERLOOM_API_PORT)");
  log.info({ url: config.apiUrl, port, mode: config.mode }, "listening");

  return async () => {
    health.draining = true;
    server.on("request", (_req, res) => res.setHeader("Connection", "close"));
    closeStreams();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 8_000).unref();
    await closed;
    await temporal.connection.close();
    await deps.notifications.close();
    await keys.close();
    await db.close();
  };
});
