import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { v7 } from "uuid";
import { createApp } from "../../api/app.ts";
import type { ApiDeps } from "../../api/deps.ts";
import { listenToDatabase } from "../../api/notifications.ts";
import { openSigningKeys } from "../../api/signing-keys.ts";
import { attachStreams } from "../../api/stream.ts";
import { readConfig } from "../../config.ts";
import { seal, unseal } from "../../core/sealing.ts";
import { openDatabase } from "../../db/database.ts";
import { createHealth } from "../../process/health.ts";
import { sharedStack } from "./organisation.ts";
import { sharedTemporal } from "./temporal.ts";

export interface OwnApi {
  url: string;
  deps: ApiDeps;
  /** What it has logged so far, down to `debug`. */
  lines: string[];
  /** Sets its clock forward (or back), in seconds. */
  shiftClock(seconds: number): void;
  close(): Promise<void>;
}

/** The same API over the shared stack's database, with settings and a clock of its own, in this process. */
export async function startOwnApi(environment: NodeJS.ProcessEnv = {}): Promise<OwnApi> {
  const stack = sharedStack();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = readConfig({
    POWERLOOM_MODE: "production",
    POWERLOOM_API_URL: url,
    POWERLOOM_MCP_PUBLIC_URL: stack.mcpUrl,
    POWERLOOM_MCP_CLIENT_SECRET: stack.mcpClientSecret,
    POWERLOOM_SEALING_KEY: stack.sealingKey,
    DATABASE_URL: stack.databaseUrl,
    ANTHROPIC_BASE_URL: stack.simulatorUrl,
    ...environment,
  });
  const { sealingKey } = config;
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-test", max: 6 });
  const keys = await openSigningKeys({ databaseUrl: stack.issuerDatabaseUrl, sealingKey, issuer: config.apiUrl });
  const temporal = await sharedTemporal();
  const lines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  const notifications = listenToDatabase(stack.databaseUrl, log);
  let shiftMs = 0;
  const deps: ApiDeps = {
    config,
    db,
    keys,
    temporal,
    definitions: new Map(),
    notifications,
    log,
    now: () => new Date(Date.now() + shiftMs),
    newId: () => v7(),
    seal: (secret) => seal(sealingKey, secret),
    unseal: (sealed) => unseal(sealingKey, sealed),
  };
  server.on(
    "request",
    createApp(
      deps,
      createHealth("api", async () => undefined),
    ),
  );
  const closeStreams = attachStreams(server, deps);
  return {
    url,
    deps,
    lines,
    shiftClock(seconds) {
      shiftMs = seconds * 1000;
    },
    async close() {
      closeStreams();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await temporal.connection.close();
      await notifications.close();
      await keys.close();
      await db.close();
    },
  };
}
