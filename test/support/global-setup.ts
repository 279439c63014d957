import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { startLocalStack } from "../../stack/local-stack.ts";
import { withOwnParts } from "../../stack/own-parts.ts";
import { stateFolder } from "./state-folder.ts";

/** What tests know of the stack they share. */
export interface SharedStack {
  stateDirectory: string;
  apiUrl: string;
  mcpUrl: string;
  simulatorUrl: string;
  databaseUrl: string;
  issuerDatabaseUrl: string;
  adminUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  mcpClientSecret: string;
  sealingKey: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    stack: SharedStack;
  }
}

/** Definitions that the agents of tests have, besides those that come along. */
export const agentsDirectory = fileURLToPath(new URL("../fixtures/agents", import.meta.url));

/** One real stack for all integration tests of a run: PostgreSQL, Temporal, API, worker, MCP server, stand-in. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await stateFolder();
  const lines: string[] = [];
  const stack = await startLocalStack({
    stateDirectory: directory,
    environment: withOwnParts(process.env),
    mode: "dev",
    anyPorts: true,
    withConsole: true,
    // By default a workflow goes on in a new run after 4,096 events: here after a turn or two of a session.
    temporalSettings: { "limit.historyCount.suggestContinueAsNew": "40" },
    log: (line) => {
      lines.push(line);
      if (process.env["POWERLOOM_TEST_LOG"]) console.log(line);
      else if (/\b(error|fatal)\b/.test(line)) console.error(line);
    },
    extraEnvironment: {
      // A line for each request is worth writing only where somebody reads it.
      POWERLOOM_LOG_LEVEL: process.env["POWERLOOM_TEST_LOG"] ? "info" : "warn",
      POWERLOOM_RATE_LIMIT: "1000000",
      POWERLOOM_SWEEP_SECONDS: "2",
      POWERLOOM_AGENTS_DIR: agentsDirectory,
    },
  }).catch(async (error: unknown) => {
    console.error(lines.join("\n"));
    await rm(directory, { recursive: true, force: true });
    throw error;
  });
  const { environment } = stack;
  project.provide("stack", {
    stateDirectory: directory,
    apiUrl: stack.apiUrl,
    mcpUrl: stack.mcpUrl,
    simulatorUrl: stack.simulatorUrl,
    databaseUrl: stack.databaseUrl,
    issuerDatabaseUrl: environment["ISSUER_DATABASE_URL"] ?? "",
    adminUrl: stack.adminUrl ?? "",
    temporalAddress: stack.temporalAddress,
    temporalNamespace: stack.temporalNamespace,
    mcpClientSecret: environment["POWERLOOM_MCP_CLIENT_SECRET"] ?? "",
    sealingKey: environment["POWERLOOM_SEALING_KEY"] ?? "",
  });
  return async () => {
    await stack.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
