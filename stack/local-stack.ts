import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Connection } from "@temporalio/client";
import { Client as PgClient } from "pg";
import { migrate } from "../db/migrate.ts";
import { ensureSearchAttributes } from "../temporal/search-attributes.ts";
import { writableCacheFolder } from "./cache-folder.ts";
import { builtConsole } from "./console-build.ts";
import { assertPortFree, freePort } from "./ports.ts";
import { type Postgres, startPostgres } from "./postgres.ts";
import { loadOrCreateSecrets } from "./secrets.ts";
import { StackError } from "./stack-error.ts";
import { openStateDirectory } from "./state-directory.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";
import { ensureTemporalBinary } from "./temporal-binary.ts";
import { startTemporalServer, type TemporalServer } from "./temporal-server.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const database = "powerloom";

export interface LocalStackOptions {
  stateDirectory: string;
  environment: NodeJS.ProcessEnv;
  mode: "dev" | "production";
  /** Every line of every part, under its name. */
  log: (line: string) => void;
  color?: boolean;
  /** Take any free ports instead of the usual ones: for tests and demos beside a running stack. */
  anyPorts?: boolean;
  /** Dynamic configuration of the Temporal server besides ours. */
  temporalSettings?: Readonly<Record<string, string>>;
  /** Parts left out: tests kill and start them by themselves. */
  without?: readonly PartName[];
  /** Build the web console, when its sources have changed, and have the API serve it. */
  withConsole?: boolean;
  /** More settings for our own processes. */
  extraEnvironment?: NodeJS.ProcessEnv;
  /** More settings for our own PostgreSQL, which gets nothing of `environment`. */
  postgresEnvironment?: NodeJS.ProcessEnv;
  /** Waits before a part that has ended is started again; see the supervisor. */
  backoffMs?: readonly number[];
}

export type PartName = "simulator" | "api" | "worker" | "mcp";

/** A whole Powerloom on this machine. */
export interface LocalStack {
  apiUrl: string;
  mcpUrl: string;
  /** Empty when Temporal is somebody else's. */
  temporalUiUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  /** Empty when the real provider is used. */
  simulatorUrl: string;
  databaseUrl: string;
  /** As the migrator: for `init` and for tests. Undefined when the database is somebody else's. */
  adminUrl: string | undefined;
  /** The environment our processes run with. */
  environment: NodeJS.ProcessEnv;
  supervisor: Supervisor;
  startPart(name: PartName): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts everything on one machine: PostgreSQL, Temporal, the stand-in, API, worker, MCP server. `DATABASE_URL`,
 * `TEMPORAL_ADDRESS` and `ANTHROPIC_*` put a real service in a part's place. A start that fails stops what was started.
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { environment } = options;
  const state = await openStateDirectory(options.stateDirectory);
  const supervisor = createSupervisor({
    log: options.log,
    ...(options.color === undefined ? {} : { color: options.color }),
    ...(options.backoffMs === undefined ? {} : { backoffMs: options.backoffMs }),
  });
  const stop = async () => {
    await supervisor.stop();
    state.release();
  };
  try {
    const secrets = await loadOrCreateSecrets(state.path);
    const ports = await choosePorts(state.path, environment, options.anyPorts ?? false);
    const host = environment["POWERLOOM_HOST"] || "127.0.0.1";
    const cache = writableCacheFolder(environment, state.path);
    for (const [name, what] of [
      ["api", "the API"],
      ["simulator", "the stand-in"],
      ["mcp", "the MCP server"],
      ["worker", "the worker's health"],
    ] as const)
      await assertPortFree(host, ports[name], what, `POWERLOOM_${name.toUpperCase()}_PORT`);

    const [data, temporal, consoleFolder] = await Promise.all([
      startDatabase(environment, state.path, supervisor, options.postgresEnvironment),
      startTemporal(environment, state.path, supervisor, ports, options.temporalSettings),
      environment["POWERLOOM_CONSOLE_DIR"] ||
        (options.withConsole === true ? buildConsole(cache, supervisor) : undefined),
    ]);

    const usesSimulator = !environment["ANTHROPIC_API_KEY"] && !environment["ANTHROPIC_BASE_URL"];
    const simulatorUrl = usesSimulator ? `http://${host}:${ports.simulator}` : "";
    const apiUrl = environment["POWERLOOM_API_URL"] || `http://${host}:${ports.api}`;
    const mcpUrl = environment["POWERLOOM_MCP_PUBLIC_URL"] || `http://${host}:${ports.mcp}/mcp`;
    const childEnvironment: NodeJS.ProcessEnv = {
      ...environment,
      POWERLOOM_MODE: options.mode,
      POWERLOOM_HOME: state.path,
      POWERLOOM_CACHE_DIR: cache,
      // Compiled modules are kept: a process is there in two thirds of the time.
      NODE_COMPILE_CACHE: environment["NODE_COMPILE_CACHE"] || join(cache, "compiled"),
      POWERLOOM_HOST: host,
      POWERLOOM_API_PORT: `${ports.api}`,
      POWERLOOM_API_URL: apiUrl,
      POWERLOOM_WORKER_PORT: `${ports.worker}`,
      POWERLOOM_MCP_PORT: `${ports.mcp}`,
      POWERLOOM_MCP_HOST: host,
      POWERLOOM_MCP_PUBLIC_URL: mcpUrl,
      POWERLOOM_MCP_CLIENT_SECRET: environment["POWERLOOM_MCP_CLIENT_SECRET"] || secrets.mcp_client_secret,
      POWERLOOM_SEALING_KEY: environment["POWERLOOM_SEALING_KEY"] || secrets.sealing_key,
      POWERLOOM_SIMULATOR_PORT: `${ports.simulator}`,
      POWERLOOM_SIMULATOR_HOST: host,
      POWERLOOM_SIMULATOR_STATE: join(state.path, "simulator.db"),
      // Whoever tries it out has their servers on this machine too.
      POWERLOOM_PRIVATE_NETWORKS: environment["POWERLOOM_PRIVATE_NETWORKS"] ?? "127.0.0.0/8,::1",
      DATABASE_URL: data.appUrl,
      ISSUER_DATABASE_URL: data.issuerUrl,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      ...(consoleFolder === undefined ? {} : { POWERLOOM_CONSOLE_DIR: consoleFolder }),
      ...(temporal.uiUrl === "" ? {} : { POWERLOOM_TEMPORAL_UI_URL: temporal.uiUrl }),
      ...(usesSimulator ? { ANTHROPIC_BASE_URL: simulatorUrl, POWERLOOM_STAND_IN_URL: simulatorUrl } : {}),
      ...options.extraEnvironment,
    };
    const probes: Record<PartName, { entry: string; ready: string }> = {
      simulator: { entry: "simulator/main.ts", ready: `${simulatorUrl}/readyz` },
      api: { entry: "api/main.ts", ready: `http://${host}:${ports.api}/readyz` },
      worker: { entry: "worker.ts", ready: `http://${host}:${ports.worker}/readyz` },
      mcp: { entry: "mcp-server/main.ts", ready: `http://${host}:${ports.mcp}/readyz` },
    };
    const startPart = (name: PartName) =>
      supervisor.start({
        name,
        command: process.execPath,
        args: [join(root, probes[name].entry)],
        cwd: root,
        env: childEnvironment,
        ready: probes[name].ready,
        readyTimeoutMs: 60_000,
        // The stand-in and the MCP server know nothing of us: a guard ends them.
        watchesParent: name === "api" || name === "worker",
      });
    const wanted = (name: PartName) => !options.without?.includes(name);
    await Promise.all([
      usesSimulator && wanted("simulator") ? startPart("simulator") : undefined,
      wanted("worker") ? startPart("worker") : undefined,
      wanted("api") ? startPart("api") : undefined,
      wanted("mcp") ? startPart("mcp") : undefined,
    ]);

    return {
      apiUrl,
      mcpUrl,
      temporalUiUrl: temporal.uiUrl,
      temporalAddress: temporal.address,
      temporalNamespace: temporal.namespace,
      simulatorUrl,
      databaseUrl: data.appUrl,
      adminUrl: data.adminUrl,
      environment: childEnvironment,
      supervisor,
      startPart,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const usualPorts = {
  api: ["POWERLOOM_API_PORT", 4000],
  simulator: ["POWERLOOM_SIMULATOR_PORT", 4010],
  mcp: ["POWERLOOM_MCP_PORT", 4020],
  worker: ["POWERLOOM_WORKER_PORT", 4030],
  temporal: ["POWERLOOM_TEMPORAL_PORT", 7233],
  temporalUi: ["POWERLOOM_TEMPORAL_UI_PORT", 8233],
} as const;

type Ports = Record<keyof typeof usualPorts, number>;

/**
 * The environment's ports, else those this state was started with before (its data names the MCP server's URL), else the
 * usual ones, or any.
 */
async function choosePorts(directory: string, environment: NodeJS.ProcessEnv, any: boolean): Promise<Ports> {
  const file = join(directory, "ports.json");
  const before = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Partial<Ports>,
    (): Partial<Ports> => ({}),
  );
  const ports: Partial<Ports> = {};
  for (const name of Object.keys(usualPorts) as (keyof Ports)[]) {
    const [variable, usual] = usualPorts[name];
    const given = Number(environment[variable] ?? "0");
    ports[name] = given > 0 ? given : (before[name] ?? (any ? await freePort() : usual));
  }
  await writeFile(file, `${JSON.stringify(ports)}\n`, { mode: 0o600 });
  return ports as Ports;
}

async function startDatabase(
  environment: NodeJS.ProcessEnv,
  directory: string,
  supervisor: Supervisor,
  postgresEnvironment: NodeJS.ProcessEnv = {},
) {
  const given = environment["DATABASE_URL"];
  if (given !== undefined && given !== "") {
    const issuerUrl = environment["ISSUER_DATABASE_URL"];
    if (issuerUrl === undefined || issuerUrl === "")
      throw new StackError("DATABASE_URL is set, ISSUER_DATABASE_URL is not: the token issuer has a role of its own");
    const migrator = environment["MIGRATOR_DATABASE_URL"];
    if (migrator)
      await applyMigrations(migrator, supervisor, { app: passwordOf(given), issuer: passwordOf(issuerUrl) });
    return { appUrl: given, issuerUrl, adminUrl: migrator };
  }
  let running: Postgres | undefined;
  await supervisor.start({
    name: "postgres",
    async start({ log }) {
      running = await startPostgres({ dataDir: join(directory, "postgres"), log, environment: postgresEnvironment });
      return running;
    },
  });
  const postgres = running;
  if (postgres === undefined) throw new StackError("PostgreSQL did not start");
  const admin = new PgClient({ connectionString: postgres.adminUrl });
  await admin.connect();
  try {
    const { rowCount } = await admin.query("select from pg_database where datname = $1", [database]);
    if (rowCount === 0) await admin.query(`create database ${database}`);
  } finally {
    await admin.end();
  }
  const adminUrl = postgres.url("postgres", database);
  await applyMigrations(adminUrl, supervisor);
  return {
    appUrl: postgres.url("powerloom_app", database),
    issuerUrl: postgres.url("powerloom_issuer", database),
    adminUrl,
  };
}

async function applyMigrations(
  url: string,
  supervisor: Supervisor,
  passwords: Parameters<typeof migrate>[1] = {},
): Promise<void> {
  const applied = await migrate(url, passwords);
  if (applied.length > 0) supervisor.say(`database: applied ${applied.join(", ")}`);
}

function passwordOf(url: string): string | undefined {
  const { password } = new URL(url);
  return password === "" ? undefined : decodeURIComponent(password);
}

async function buildConsole(cacheDirectory: string, supervisor: Supervisor): Promise<string | undefined> {
  const built = await builtConsole(cacheDirectory);
  if (built.ok) return built.folder;
  // The control plane does not depend on it.
  supervisor.say(`console: not available: ${built.reason}`);
  return undefined;
}

async function startTemporal(
  environment: NodeJS.ProcessEnv,
  directory: string,
  supervisor: Supervisor,
  ports: { temporal: number; temporalUi: number },
  settings: LocalStackOptions["temporalSettings"],
) {
  const namespace = environment["TEMPORAL_NAMESPACE"] || "powerloom";
  const given = environment["TEMPORAL_ADDRESS"];
  if (given !== undefined && given !== "") {
    const connection = await Connection.connect({ address: given, connectTimeout: "5s" }).catch(() => {
      throw new StackError(`Temporal cannot be reached at ${given} (TEMPORAL_ADDRESS)`);
    });
    try {
      const attributes = await ensureSearchAttributes({ connection, address: given, namespace });
      if (attributes.status === "missing") throw new StackError(attributes.sentence);
      if (attributes.status === "registered") supervisor.say(`temporal: registered ${attributes.names.join(", ")}`);
    } finally {
      await connection.close();
    }
    return { address: given, uiUrl: "", namespace };
  }
  const { path, source } = await ensureTemporalBinary({ log: (line) => supervisor.say(line), env: environment });
  supervisor.say(`temporal: using ${path} (${source})`);
  let running: TemporalServer | undefined;
  await supervisor.start({
    name: "temporal",
    async start({ log }) {
      running = await startTemporalServer({
        binary: path,
        port: ports.temporal,
        uiPort: ports.temporalUi,
        dbFile: join(directory, "temporal.db"),
        namespace,
        settings,
        log,
      });
      return running;
    },
  });
  if (running === undefined) throw new StackError("Temporal did not start");
  return { address: running.address, uiUrl: running.uiUrl, namespace };
}
