import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { cacheFolder } from "../../../stack/cache-folder.ts";
import { freePort } from "../../../stack/ports.ts";
import { type Postgres, startPostgres } from "../../../stack/postgres.ts";
import { ensureTemporalBinary } from "../../../stack/temporal-binary.ts";
import { startTemporalServer } from "../../../stack/temporal-server.ts";
import { readCompose, root, type Service } from "./compose-file.ts";

export interface Started {
  process: ChildProcess;
  output(): string;
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
}

/** The hosts that the containers would see, on this machine, and the services' own commands against them. */
export interface Place {
  services: Record<string, Service>;
  /** Environment of a service, its host names and ports replaced by local ones. */
  environment(name: string): Record<string, string>;
  /** Starts exactly the service's command with exactly its environment. */
  start(name: string, changes?: Record<string, string | undefined>): Started;
  /** Runs the service's health check. */
  probe(name: string): Promise<number | null>;
  url(name: string, path: string): string;
  runScript(path: string, environment: Record<string, string>): Started;
  adminUrl: string;
  temporalAddress: string;
  close(): Promise<void>;
}

const secret = () => randomBytes(24).toString("hex");
const containerPorts = { api: 4000, worker: 4030, mcp: 4020, standin: 4010 } as const;

export async function openPlace(): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "powerloom-compose-"));
  const children: ChildProcess[] = [];
  const variables = {
    POWERLOOM_API_URL: "http://api:4000",
    POSTGRES_PASSWORD: secret(),
    POWERLOOM_MIGRATOR_PASSWORD: secret(),
    POWERLOOM_APP_PASSWORD: secret(),
    POWERLOOM_ISSUER_PASSWORD: secret(),
    TEMPORAL_DB_PASSWORD: secret(),
    POWERLOOM_MCP_CLIENT_SECRET: secret(),
    POWERLOOM_SEALING_KEY: randomBytes(32).toString("base64url"),
    COMPOSE_PROFILES: "standin",
    ANTHROPIC_BASE_URL: "http://standin:4010",
  };
  const services = readCompose(variables);

  const postgres = await startPostgres({ dataDir: join(directory, "postgres"), log: () => undefined });
  await asTheImageDoes(postgres, join(directory, "postgres"), services["postgres"]?.environment ?? {});
  const listener = await overTcp(join(postgres.socketDir, ".s.PGSQL.5432"));
  const binary = (await ensureTemporalBinary({ log: (line) => process.stderr.write(`${line}\n`) })).path;
  const temporal = await startTemporalServer({
    binary,
    port: await freePort(),
    dbFile: join(directory, "temporal.db"),
    // Not ours: what registers ours is tested.
    namespace: "somebody-else",
    searchAttributes: {},
    log: () => undefined,
  });

  const ports: Record<string, number> = {};
  for (const name of Object.keys(containerPorts)) ports[name] = await freePort();
  const places: [string, string][] = [
    ["postgres:5432", `127.0.0.1:${listener.port}`],
    ["temporal:7233", temporal.address],
    ...Object.entries(containerPorts).map(([name, port]): [string, string] => [
      `${name}:${port}`,
      `127.0.0.1:${ports[name]}`,
    ]),
    ["/data/", `${directory}/`],
    ["/app/.powerloom", join(directory, "home")],
    ["0.0.0.0", "127.0.0.1"],
  ];
  const local = (name: string, variable: string, value: string): string => {
    if (variable.endsWith("_PORT") && value === String(containerPorts[name as keyof typeof containerPorts]))
      return String(ports[name]);
    return places.reduce((text, [there, here]) => text.replaceAll(there, here), value);
  };
  const environment = (name: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(services[name]?.environment ?? {}).map(([variable, value]) => [
        variable,
        local(name, variable, value),
      ]),
    );
  const launch = (command: string, args: string[], env: Record<string, string | undefined>): Started => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        text += chunk.toString("utf8");
      });
    const exited = once(child, "exit").then(([code]) => code as number | null);
    return { process: child, output: () => text, exited };
  };
  const asNode = ([command, ...args]: readonly string[], env: Record<string, string | undefined>) => {
    if (command !== "node") throw new Error(`expected node, not ${command}`);
    // Compiled modules are kept: each of the many starts is quicker.
    return launch(process.execPath, args, { NODE_COMPILE_CACHE: join(cacheFolder(process.env), "compiled"), ...env });
  };
  return {
    services,
    environment,
    start: (name, changes = {}) => asNode(services[name]?.command ?? [], { ...environment(name), ...changes }),
    probe: (name) => {
      const [, ...command] = services[name]?.healthcheck?.test ?? [];
      const port = containerPorts[name as keyof typeof containerPorts];
      return asNode(
        command.map((word) => word.replace(`127.0.0.1:${port}`, `127.0.0.1:${ports[name]}`)),
        {},
      ).exited;
    },
    url: (name, path) => `http://127.0.0.1:${ports[name]}${path}`,
    runScript: (path, env) =>
      launch("/bin/sh", [path], { ...env, PATH: `${dirname(binary)}:${process.env["PATH"]}`, HOME: directory }),
    adminUrl: postgres.url("postgres", "powerloom"),
    temporalAddress: temporal.address,
    async close() {
      for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await temporal.stop();
      await listener.close();
      await postgres.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What the PostgreSQL image does on an empty volume: our SQL as the superuser; afterwards everybody shows a password. */
async function asTheImageDoes(postgres: Postgres, dataDir: string, environment: Record<string, string>): Promise<void> {
  const admin = new Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  try {
    const passwords: Record<string, string> = {
      migrator: environment["POWERLOOM_MIGRATOR_PASSWORD"] ?? "",
      temporal: environment["TEMPORAL_DB_PASSWORD"] ?? "",
    };
    const text = readFileSync(join(root, "deploy/postgres/sql/databases.sql"), "utf8")
      .replaceAll(/^--.*$/gm, "")
      .replaceAll(/:'(\w+)'/g, (_, name: string) => admin.escapeLiteral(passwords[name] ?? ""));
    for (const statement of text.split(";").filter((part) => part.trim() !== "")) await admin.query(statement);
    writeFileSync(join(dataDir, "pg_hba.conf"), "local all postgres trust\nlocal all all scram-sha-256\n");
    await admin.query("select pg_reload_conf()");
  } finally {
    await admin.end();
  }
}

/** Our local PostgreSQL listens on its socket only; the services name a host and a port. */
async function overTcp(socketPath: string): Promise<{ port: number; close: () => Promise<void> }> {
  const server: Server = createServer((client) => {
    const upstream = connect(socketPath);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return {
    port: address.port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
