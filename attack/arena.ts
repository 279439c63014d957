import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { freePort } from "../stack/ports.ts";

/** A running stack in dev mode, as far as attacks need to know it. */
export interface Arena {
  apiUrl: string;
  /** Every API process over the one database; the first is `apiUrl`. */
  apiUrls: readonly string[];
  mcpUrl: string;
  simulatorUrl: string;
  /** As the application's role. */
  databaseUrl: string;
  /** As a superuser: past every rule, to look and to break. */
  adminUrl: string;
  /** Where the stack keeps its files, the workspaces of runs among them. */
  stateDirectory: string;
}

/** Definitions of agents that tests have, besides those that come along. */
export const agentsDirectory = fileURLToPath(new URL("../test/fixtures/agents", import.meta.url));

/** A stack of its own with two API processes, in a directory that is removed with it. */
export async function openArena(log: (line: string) => void): Promise<Arena & { close(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-attack-"));
  const removed = () => rm(directory, { recursive: true, force: true });
  const stack = await startLocalStack({
    stateDirectory: directory,
    environment: withOwnParts(process.env),
    mode: "dev",
    anyPorts: true,
    log,
    // Out of the way: limits have tests of their own, and would stop the attacks that come after the first.
    extraEnvironment: {
      POWERLOOM_RATE_LIMIT: "100000000",
      POWERLOOM_SWEEP_SECONDS: "3600",
      POWERLOOM_AGENTS_DIR: agentsDirectory,
    },
  }).catch(async (error: unknown) => {
    await removed();
    throw error;
  });
  const close = async () => {
    await stack.stop();
    await removed();
  };
  try {
    const second = `http://127.0.0.1:${await freePort()}`;
    await stack.supervisor.start({
      name: "api-2",
      command: process.execPath,
      args: [fileURLToPath(new URL("../api/main.ts", import.meta.url))],
      // The URL of the first: both issue and take the same tokens.
      env: { ...stack.environment, POWERLOOM_API_PORT: new URL(second).port },
      ready: `${second}/readyz`,
      readyTimeoutMs: 60_000,
      watchesParent: true,
    });
    const { apiUrl, mcpUrl, simulatorUrl, databaseUrl } = stack;
    return {
      apiUrl,
      apiUrls: [apiUrl, second],
      mcpUrl,
      simulatorUrl,
      databaseUrl,
      adminUrl: stack.adminUrl ?? "",
      stateDirectory: directory,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
