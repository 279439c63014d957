import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Connection } from "@temporalio/client";
import { missingSearchAttributes, type SearchAttributes, searchAttributes } from "../temporal/search-attributes.ts";
import { assertPortFree } from "./ports.ts";
import { commandLineOf, isAlive, type Running, runChild, waitUntilGone } from "./running.ts";
import { StackError } from "./stack-error.ts";
import { parseTemporalVersion } from "./temporal-choice.ts";

/** What the arguments of the server depend on. */
export interface TemporalServerArguments {
  host: string;
  port: number;
  /** Without it the server has no web UI. */
  uiPort?: number;
  dbFile: string;
  namespace: string;
  searchAttributes: SearchAttributes;
  /** Dynamic configuration besides ours. */
  settings?: Readonly<Record<string, string>> | undefined;
}

/** How a Temporal server is started. */
export interface TemporalServerOptions {
  binary: string;
  host?: string;
  port: number;
  uiPort?: number;
  dbFile: string;
  namespace?: string;
  searchAttributes?: SearchAttributes;
  /** Dynamic configuration besides ours. */
  settings?: Readonly<Record<string, string>> | undefined;
  log: (line: string) => void;
  /** Called when the server ends without `stop`. */
  onExit?: (reason: string) => void;
}

/** A running Temporal server. */
export interface TemporalServer extends Running {
  readonly address: string;
  /** Empty when it was started without a web UI. */
  readonly uiUrl: string;
}

/**
 * The server has one history shard, and each queue of a shard reads its database at most 20 times a second by default:
 * up to 50 ms for every task of a workflow. Seven activities one after the other: 750 ms with the default, 153 ms so.
 */
const pollQueues = ["transfer", "timer", "visibility", "outbound", "archival"];

/**
 * The server keeps the last 128,000 workflows it has touched in memory for an hour by default, over a gigabyte where much is
 * done. One that is not there is read from its database, a file of this machine.
 */
const workflowsInMemory = 4_000;

/** The arguments of `temporal` that start a server for us. */
export function temporalServerArgs(given: TemporalServerArguments): string[] {
  const flags: readonly (readonly [string, string])[] = [
    ["--ip", given.host],
    ["--port", String(given.port)],
    ...(given.uiPort === undefined ? [] : [["--ui-port", String(given.uiPort)] as const]),
    ["--db-filename", given.dbFile],
    ["--log-level", "error"],
    ["--namespace", given.namespace],
    ...Object.entries(given.searchAttributes).map(([name, type]) => ["--search-attribute", `${name}=${type}`] as const),
    ...pollQueues.map((queue) => ["--dynamic-config-value", `history.${queue}ProcessorMaxPollRPS=10000`] as const),
    ["--dynamic-config-value", `history.hostLevelCacheMaxSize=${workflowsInMemory}`],
    ["--dynamic-config-value", "system.enableActivityEagerExecution=true"],
    ...Object.entries(given.settings ?? {}).map(
      ([name, value]) => ["--dynamic-config-value", `${name}=${value}`] as const,
    ),
    // A power cut may lose the last commits; the end of a process does not.
    ["--sqlite-pragma", "journal_mode=WAL"],
    ["--sqlite-pragma", "synchronous=NORMAL"],
  ];
  return ["server", "start-dev", ...(given.uiPort === undefined ? ["--headless"] : []), ...flags.flat()];
}

/** Starts the server; resolves when it answers for its namespace and knows the search attributes. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const host = options.host ?? "127.0.0.1";
  const namespace = options.namespace ?? "powerloom";
  const attributes = options.searchAttributes ?? searchAttributes;
  const dbFile = resolve(options.dbFile);
  mkdirSync(dirname(dbFile), { recursive: true, mode: 0o700 });
  const { port, uiPort } = options;
  const version = await serverVersion(options.binary);
  await endOrphan(dbFile, options.log);
  // Otherwise another server on the port would answer in place of ours.
  await assertPortFree(host, port, "Temporal");
  if (uiPort !== undefined) await assertPortFree(host, uiPort, "Temporal UI");
  keepOldDatabaseAside(dbFile, version, options.log);
  const given = {
    host,
    port,
    dbFile,
    namespace,
    searchAttributes: attributes,
    settings: options.settings,
    ...(uiPort === undefined ? {} : { uiPort }),
  };
  const address = `${host}:${port}`;
  const running = await launch(options, temporalServerArgs(given), dbFile, (started) =>
    untilReady(started, address, namespace, attributes),
  );
  let stopping = false;
  void running.exited.then((reason) => {
    if (!stopping) options.onExit?.(reason);
  });
  return {
    address,
    uiUrl: uiPort === undefined ? "" : `http://${host}:${uiPort}`,
    pid: running.pid,
    exited: running.exited,
    stop() {
      stopping = true;
      return running.stop();
    },
  };
}

/**
 * The server picks ports for its inner services itself, and ends when another process takes one of them meanwhile, with a
 * panic or a word about the address: such a start is made again. Ours were free a moment ago, or it would not have begun.
 */
const mostLaunches = 5;
const worthAnotherStart = /^(panic|fatal error):|address already in use/;

/** @throws StackError in a sentence, when it cannot be had */
async function launch(
  options: TemporalServerOptions,
  args: string[],
  dbFile: string,
  ready: (running: Running) => Promise<string | undefined>,
): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const lines: string[] = [];
    const running = await runChild({
      command: options.binary,
      args,
      // TEMPORAL_* would reach the server's command line as defaults.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TEMPORAL_"))),
      cwd: dirname(dbFile),
      onLine(line) {
        if (line.trim() === "" || banner.test(line)) return;
        lines.push(line);
        if (lines.length > 200) lines.splice(50, 1);
        options.log(line);
      },
      stopTimeoutMs: 15_000,
      withParent: "now",
    });
    void running.exited.then(() => rmSync(`${dbFile}.pid`, { force: true }));
    try {
      writeFileSync(`${dbFile}.pid`, `${running.pid}\n`);
    } catch (error) {
      // On a full disk, say: nobody would know of it any more, and its port would be taken for good.
      await running.stop();
      throw new StackError(
        `The Temporal server did not start: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const problem = await ready(running);
    if (problem === undefined) return running;
    await running.stop();
    const crash = lines.find((line) => worthAnotherStart.test(line));
    if (crash !== undefined && attempt < mostLaunches) {
      options.log(`the Temporal server ended while it started (${crash}): starting it again`);
      continue;
    }
    const said = crash ?? lines.slice(-2).join(" ");
    throw new StackError(
      `The Temporal server did not start on ${options.host ?? "127.0.0.1"}:${options.port} (${problem})${said === "" ? "" : `: ${said}`}`,
    );
  }
}

/** Printed at every start; the addresses are ours to say, and it calls its host "localhost". */
const banner = /^Temporal (CLI|Server|Persistence|UI|Metrics)\b/;

async function serverVersion(binary: string): Promise<string> {
  const { stdout } = await promisify(execFile)(binary, ["--version"], { timeout: 20_000 }).catch((error: Error) => {
    throw new StackError(`${binary} does not run: ${error.message.split("\n")[0]}`);
  });
  return parseTemporalVersion(stdout)?.server ?? (stdout.trim() || "unknown");
}

/**
 * The server creates its schema only in a new file and does not migrate: another version starts with a new file. The
 * version is written before the first start, so a file without one is of an unknown version.
 */
function keepOldDatabaseAside(dbFile: string, version: string, log: (line: string) => void): void {
  const versionFile = `${dbFile}.version`;
  const former = existsSync(versionFile) ? readFileSync(versionFile, "utf8").trim() : "unknown";
  if (existsSync(dbFile) && former !== version) {
    const stamp = new Date()
      .toISOString()
      .replaceAll(/[^0-9]/g, "")
      .slice(0, 14);
    const aside = `${dbFile}.${former.replaceAll(/[^\w.-]/g, "_")}-${stamp}`;
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(dbFile + suffix)) renameSync(dbFile + suffix, aside + suffix);
    }
    log(
      `Temporal server ${version} cannot read the database of version ${former}: it starts empty, the old one is kept in ${aside}`,
    );
  }
  if (former === version) return;
  // Whole or not at all: an empty one, left by a full disk, would set the database aside at the next start.
  writeFileSync(`${versionFile}.new`, `${version}\n`);
  renameSync(`${versionFile}.new`, versionFile);
}

/** A server left behind by a killed process still holds the file and the port, for as long as its end takes. */
async function endOrphan(dbFile: string, log: (line: string) => void): Promise<void> {
  const pid = existsSync(`${dbFile}.pid`) ? Number.parseInt(readFileSync(`${dbFile}.pid`, "utf8"), 10) : 0;
  // Pids are reused: it is ours only if it has our file open by its command line.
  if (!(pid > 0) || !commandLineOf(pid).includes(`--db-filename ${dbFile} `)) return;
  log(`ending the Temporal server that was left running (process ${pid})`);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (isAlive(pid)) process.kill(pid, signal);
    if (await waitUntilGone(pid, 10_000)) return;
  }
  throw new StackError(`The Temporal server that was left running (process ${pid}) does not stop; end it by hand`);
}

async function untilReady(
  running: Running,
  address: string,
  namespace: string,
  attributes: SearchAttributes,
): Promise<string | undefined> {
  let gone: string | undefined;
  void running.exited.then((reason) => {
    gone = reason;
  });
  const deadline = performance.now() + 45_000;
  let last = "no answer in time";
  while (performance.now() < deadline) {
    if (gone !== undefined) return gone;
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      try {
        await connection.withDeadline(Date.now() + 2_000, () =>
          connection.workflowService.describeNamespace({ namespace }),
        );
        const missing = await missingSearchAttributes(connection, namespace, attributes);
        if (missing.length === 0) return undefined;
        last = `search attributes missing: ${missing.join(", ")}`;
      } finally {
        await connection.close();
      }
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(50);
  }
  return last;
}
