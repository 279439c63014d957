import { randomInt } from "node:crypto";
import { appendFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Pool } from "pg";
import { v7 } from "uuid";
import { createOrganisation } from "../db/create-organisation.ts";
import { openDatabase } from "../db/database.ts";
import { type LocalStack, startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { assertPortFree } from "../stack/ports.ts";
import { commandLineOf, isAlive } from "../stack/running.ts";

/** What can be killed. */
export const partNames = ["api", "worker", "mcp", "temporal", "postgres", "simulator"] as const;
export type Part = (typeof partNames)[number];

/** A stack of its own with one organisation in it, whose parts may be killed. */
export interface Stage {
  directory: string;
  stack: LocalStack;
  organisationId: string;
  /** Path of the organisation's root OU. */
  root: string;
  /** Email of its first administrator. */
  admin: string;
  /** As the superuser: sees everything, and takes no part in what is attacked. */
  database: Pool;
  /** Every line that every part has written. */
  logFile: string;
  /** SIGKILL. Resolves when the process is gone; false when the part did not run. */
  kill(part: Part): Promise<boolean>;
  /** SIGSTOP. @returns what lets it go on, or undefined when the part did not run */
  freeze(part: Part): (() => void) | undefined;
  runs(part: Part): boolean;
  /** Ends everything that was started. @returns processes that are still there, which must be none */
  close(): Promise<number[]>;
}

const slug = "chaos";

const portVariables = ["API", "SIMULATOR", "MCP", "WORKER", "TEMPORAL", "TEMPORAL_UI"].map(
  (name) => `POWERLOOM_${name}_PORT`,
);

/**
 * Ports below those the system hands out: a part that was killed finds its own again, whatever connections others on the
 * machine have opened meanwhile.
 */
async function lastingPorts(): Promise<NodeJS.ProcessEnv> {
  const ports: NodeJS.ProcessEnv = {};
  for (const variable of portVariables)
    while (ports[variable] === undefined) {
      const port = randomInt(10_000, 30_000);
      const taken = Object.values(ports).includes(String(port));
      if (
        !taken &&
        (await assertPortFree("127.0.0.1", port, variable).then(
          () => true,
          () => false,
        ))
      )
        ports[variable] = String(port);
    }
  return ports;
}

/** Sends a signal, unless the process is gone already: killed, and the supervisor has not noticed. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** A folder of its own for a stage. */
export function stageFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "powerloom-chaos-"));
}

/** Starts a stack in the folder, with its data below `state`, and makes its organisation. */
export async function openStage(
  directory: string,
  say: (line: string) => void,
  extraEnvironment: NodeJS.ProcessEnv = {},
  postgresEnvironment: NodeJS.ProcessEnv = {},
): Promise<Stage> {
  const logFile = join(directory, "parts.log");
  const stack = await startLocalStack({
    stateDirectory: join(directory, "state"),
    environment: { ...withOwnParts(process.env), ...(await lastingPorts()) },
    mode: "dev",
    color: false,
    log: (line) => appendFileSync(logFile, `${line}\n`),
    // Kills come faster than the supervisor takes a part for healthy: its patience is not what is measured.
    backoffMs: [200],
    extraEnvironment: {
      POWERLOOM_RATE_LIMIT: "1000000",
      POWERLOOM_SWEEP_SECONDS: "2",
      POWERLOOM_COMPARE_SECONDS: "10",
      POWERLOOM_SIMULATOR_PACE_MS: "5",
      POWERLOOM_AGENTS_DIR: fileURLToPath(new URL("./agents", import.meta.url)),
      ...extraEnvironment,
    },
    postgresEnvironment,
  }).catch(async (error: unknown) => {
    say(`the stack did not start; its log is ${logFile}`);
    throw error;
  });
  // By their commands: the number of one that ended is given again.
  const seen = new Map<number, string>();
  const pidOf = (part: Part) => {
    const state = stack.supervisor.state(part);
    const pid = state?.status === "running" ? state.pid : undefined;
    if (pid !== undefined) seen.set(pid, commandLineOf(pid));
    return pid;
  };
  const admin = `admin@${slug}.test`;
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-chaos", max: 1 });
  const { organisationId } = await createOrganisation(db, () => v7(), {
    name: slug,
    displayName: "Chaos",
    adminEmail: admin,
    adminName: "Ada Admin",
  });
  await db.close();
  const database = new Pool({ connectionString: stack.adminUrl ?? "", max: 3 });
  // A killed server breaks connections, idle and lent out: whoever has one sees it in their statement.
  database.on("error", () => undefined);
  database.on("connect", (connection) => connection.on("error", () => undefined));
  return {
    directory,
    stack,
    organisationId,
    root: `/${slug}`,
    admin,
    database,
    logFile,
    runs: (part) => pidOf(part) !== undefined,
    freeze(part) {
      const pid = pidOf(part);
      if (pid === undefined) return undefined;
      return signalled(pid, "SIGSTOP") ? () => void signalled(pid, "SIGCONT") : undefined;
    },
    async kill(part) {
      const pid = pidOf(part);
      if (pid === undefined || !signalled(pid, "SIGKILL")) return false;
      // The supervisor notices a moment later: until then the state still names the dead process.
      while (isAlive(pid) || pidOf(part) === pid) await sleep(10);
      return true;
    },
    async close() {
      for (const part of partNames) pidOf(part);
      await database.end();
      await stack.stop();
      return [...seen].filter(([pid, command]) => isAlive(pid) && commandLineOf(pid) === command).map(([pid]) => pid);
    },
  };
}
