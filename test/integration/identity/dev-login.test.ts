import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { v7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../../api/app.ts";
import { listenToDatabase } from "../../../api/notifications.ts";
import { openSigningKeys } from "../../../api/signing-keys.ts";
import { readConfig } from "../../../config.ts";
import { seal, unseal } from "../../../core/sealing.ts";
import { openDatabase } from "../../../db/database.ts";
import { createHealth } from "../../../process/health.ts";
import { connectTemporal } from "../../../temporal/connect.ts";
import { ask } from "../../support/ask.ts";
import { makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";

const stack = sharedStack();
let organisation: TestOrganisation;
let url: string;
let close: () => Promise<void>;

/** The same API over the same database, in production mode. */
beforeAll(async () => {
  organisation = await makeOrganisation("prod");
  const config = readConfig({
    POWERLOOM_MODE: "production",
    POWERLOOM_API_URL: stack.apiUrl,
    POWERLOOM_MCP_PUBLIC_URL: stack.mcpUrl,
    POWERLOOM_MCP_CLIENT_SECRET: stack.mcpClientSecret,
    POWERLOOM_SEALING_KEY: stack.sealingKey,
    DATABASE_URL: stack.databaseUrl,
    ANTHROPIC_BASE_URL: stack.simulatorUrl,
  });
  const { sealingKey } = config;
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-test", max: 4 });
  const keys = await openSigningKeys({ databaseUrl: stack.issuerDatabaseUrl, sealingKey, issuer: stack.apiUrl });
  const temporal = await connectTemporal({ address: stack.temporalAddress, namespace: stack.temporalNamespace });
  const log = pino({ level: "silent" });
  const notifications = listenToDatabase(stack.databaseUrl, log);
  const app = createApp(
    {
      config,
      db,
      keys,
      temporal,
      definitions: new Map(),
      notifications,
      log,
      now: () => new Date(),
      newId: () => v7(),
      seal: (secret) => seal(sealingKey, secret),
      unseal: (sealed) => unseal(sealingKey, sealed),
    },
    createHealth("api", async () => undefined),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await temporal.connection.close();
    await notifications.close();
    await keys.close();
    await db.close();
  };
});
afterAll(() => close());

describe("dev login", () => {
  const signIn = (apiUrl: string) => ask("none", "POST", "/dev/login", { email: organisation.admin.email }, apiUrl);

  test("works in dev mode", async () => {
    expect(await signIn(stack.apiUrl)).toMatchObject({ status: 200, body: { token_type: "Bearer" } });
  });

  test("does not exist in production mode", async () => {
    expect(await signIn(url)).toMatchObject({ status: 404, body: { code: "not_found" } });
  });

  test("a token it made in dev mode does not outlive it", async () => {
    expect((await ask(organisation.admin.token, "GET", "/me")).status).toBe(200);
    expect(await ask(organisation.admin.token, "GET", "/me", undefined, url)).toMatchObject({
      status: 401,
      body: { code: "unauthenticated" },
    });
  });
});
