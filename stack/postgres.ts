import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import {
  type Account,
  asAccount,
  canonicalDataDir,
  fitsSocket,
  postgresAccount,
  postgresBinaries,
  privateDirectory,
  socketDirectory,
} from "./postgres-files.ts";
import { adoptOrClear } from "./postgres-orphan.ts";
import { type Running, runChild } from "./running.ts";
import { StackError } from "./stack-error.ts";

/** What `startPostgres` needs. */
export interface PostgresOptions {
  /** The cluster's directory, created when absent. */
  dataDir: string;
  /** The folder of the Unix socket; chosen by itself when absent. */
  socketDir?: string;
  log: (line: string) => void;
  /** Called when the server ends without `stop`. */
  onExit?: (reason: string) => void;
  /** Also ends when this process is killed. A server that outlives its parent is adopted by the next start. */
  endsWithParent?: boolean;
  /** Added to what the server is started with. */
  environment?: NodeJS.ProcessEnv;
}

/** A running PostgreSQL, reachable over its socket only. */
export interface Postgres extends Running {
  /** True when it ran before: left behind by a killed process. */
  readonly adopted: boolean;
  readonly socketDir: string;
  /** As the superuser `postgres`, database `postgres`. */
  readonly adminUrl: string;
  /** A connection URL for `pg` and libpq; database `postgres` unless named. */
  url(role: string, database?: string): string;
}

const settings: Record<string, string> = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  max_connections: "200",
  log_min_messages: "warning",
  log_line_prefix: "",
  timezone: "UTC",
  // As durable as Linux's default (fdatasync), in one call to the disk instead of two: a commit takes a third of the time.
  ...(process.platform === "linux" ? { wal_sync_method: "open_datasync" } : {}),
};

/** Starts PostgreSQL on the data directory, or adopts the one that still runs there. Ready when it resolves. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const account = postgresAccount();
  const dataDir = canonicalDataDir(resolve(options.dataDir));
  const socketDir = options.socketDir ?? socketDirectory(dataDir, account);
  if (!fitsSocket(socketDir))
    throw new StackError(`The socket folder ${socketDir} has too long a path; choose a shorter one`);
  const { folder, version } = postgresBinaries(account, options.log);
  privateDirectory(socketDir, account);
  privateDirectory(dataDir, account);
  await initialise(folder, dataDir, account, options.log);
  assertSameMajor(dataDir, version);

  const reach = reachable(dataDir, account);
  const configuration = { ...settings, unix_socket_directories: socketDir };
  const args = [
    "-D",
    reach.path,
    ...Object.entries(configuration).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
  ];
  const url = (role: string, database = "postgres") =>
    `postgres://${encodeURIComponent(role)}@localhost/${encodeURIComponent(database)}?host=${encodeURIComponent(socketDir)}`;
  const adminUrl = url("postgres");

  const command = join(folder, "bin", "postgres");
  const adopted = await adoptOrClear({
    dataDir,
    socketDir,
    commandLine: [command, ...args],
    endsWithParent: options.endsWithParent !== false,
    answers: () => answers(adminUrl),
    log: options.log,
  });
  const running = adopted ?? (await launch({ command, args, account, reach, options, adminUrl }));

  let stopping = false;
  void running.exited.then((reason) => {
    if (!stopping) options.onExit?.(reason);
  });
  return {
    pid: running.pid,
    exited: running.exited,
    adopted: adopted !== undefined,
    socketDir,
    adminUrl,
    url,
    async stop() {
      stopping = true;
      await running.stop();
      // Empty by now; one that the caller put something into stays.
      await rmdir(socketDir).catch(() => {});
    },
  };
}

/**
 * How the server names its data directory. The dropped account cannot walk through a private parent (0700, /root), and
 * opening parents for it is not ours to do: on Linux it enters through the working directory that it is started in.
 */
function reachable(dataDir: string, account: Account): { path: string; cwd: string } {
  if (!account.dropped) return { path: dataDir, cwd: dataDir };
  if (process.platform === "linux") return { path: "/proc/self/cwd", cwd: dataDir };
  return { path: dataDir, cwd: dataDir };
}

function environment(): NodeJS.ProcessEnv {
  // Nothing of PGHOST, PGDATA and the like: they would change what the server does.
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
}

async function initialise(
  folder: string,
  dataDir: string,
  account: Account,
  log: (line: string) => void,
): Promise<void> {
  if (existsSync(join(dataDir, "PG_VERSION"))) return;
  // Built beside and renamed: a start that is killed halfway leaves no half cluster.
  const beside = `${dataDir}.new`;
  rmSync(beside, { recursive: true, force: true });
  privateDirectory(beside, account);
  const reach = reachable(beside, account);
  log("creating the database cluster");
  const lines: string[] = [];
  const running = await runChild({
    command: join(folder, "bin", "initdb"),
    // The builtin provider needs no locale of the operating system.
    args: [
      "-D",
      reach.path,
      "-U",
      "postgres",
      "--auth=trust",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-instructions",
    ],
    env: environment(),
    cwd: reach.cwd,
    ...asAccount(account),
    onLine: (line) => lines.push(line),
  });
  const reason = await running.exited;
  if (reason !== "exit code 0") {
    throw new StackError(
      `PostgreSQL cannot create its cluster in ${dataDir} (${reason}): ${lines.slice(-3).join(" ")}`,
    );
  }
  renameSync(beside, dataDir);
}

function assertSameMajor(dataDir: string, version: string): void {
  const made = readFileSync(join(dataDir, "PG_VERSION"), "utf8").trim();
  if (made !== version.split(".")[0]) {
    throw new StackError(
      `${dataDir} was made by PostgreSQL ${made}, installed is ${version}; reset the state directory, or install the former version`,
    );
  }
}

async function launch(given: {
  command: string;
  args: string[];
  account: Account;
  reach: { cwd: string };
  options: PostgresOptions;
  adminUrl: string;
}): Promise<Running> {
  const { command, args, account, reach, options } = given;
  const deadline = performance.now() + 60_000;
  for (;;) {
    const lines: string[] = [];
    const running = await runChild({
      command,
      args,
      env: { ...environment(), ...options.environment },
      cwd: reach.cwd,
      ...asAccount(account),
      onLine(line) {
        lines.push(line);
        if (lines.length > 20) lines.shift();
        if (isWorthReading(line)) options.log(line);
      },
      // Fast shutdown: sessions are ended, the data is checkpointed.
      stopSignal: "SIGINT",
      stopTimeoutMs: 20_000,
      withParent: options.endsWithParent === false ? "no" : "now",
    });
    const outcome = await untilReady(running, given.adminUrl, deadline);
    if (outcome === "ready") return running;
    await running.stop();
    // After a SIGKILL of the server its backends need a moment to notice; until then the memory block is in use.
    const passing = lines.some((line) => /pre-existing shared memory block|is another postmaster/.test(line));
    if (!passing || performance.now() > deadline - 50_000) {
      throw new StackError(`PostgreSQL did not start (${outcome}): ${lines.slice(-3).join(" ") || "no message"}`);
    }
    await sleep(200);
  }
}

/** LOG lines rank above ERROR in the server's scale and cannot be switched off there: only those about trouble pass. */
function isWorthReading(line: string): boolean {
  if (line.includes("the database system is starting up")) return false;
  return !line.startsWith("LOG:") || /terminated|interrupted|reinitializ|recover|could not/.test(line);
}

async function untilReady(running: Running, adminUrl: string, deadline: number): Promise<"ready" | (string & {})> {
  let gone: string | undefined;
  void running.exited.then((reason) => {
    gone = reason;
  });
  while (performance.now() < deadline) {
    if (gone !== undefined) return gone;
    if (await answers(adminUrl)) return "ready";
    await sleep(25);
  }
  return "no answer in time";
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
