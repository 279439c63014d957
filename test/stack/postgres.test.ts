import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Postgres, startPostgres } from "../../stack/postgres.ts";
import {
  fitsSocket,
  postgresAccount,
  postgresBinaries,
  readableCopy,
  socketDirectory,
} from "../../stack/postgres-files.ts";
import { isAlive } from "../../stack/running.ts";
import { variant } from "../support/everything.ts";
import { eventually, hostProgram, scratch } from "./programs.ts";

const isRoot = process.getuid?.() === 0;
let place: ReturnType<typeof scratch>;
let dataDir: string;
let running: Postgres | undefined;
const said: string[] = [];
const log = (line: string) => said.push(line);

beforeAll(() => {
  place = scratch();
  dataDir = join(place.path, "pg");
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => place.remove());

async function start(directory = dataDir, onExit?: (reason: string) => void): Promise<Postgres> {
  said.length = 0;
  running = await startPostgres({ dataDir: directory, log, ...(onExit ? { onExit } : {}) });
  return running;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

test("a new cluster is UTF-8, durable, listens on its socket only, and a role connects by URL", async () => {
  const postgres = await start();
  expect(postgres.adopted).toBe(false);
  const [row] = await query(
    postgres.adminUrl,
    `select pg_encoding_to_char(encoding) as encoding, datlocale as locale, current_setting('listen_addresses') as tcp,
       current_setting('fsync') as fsync, current_setting('max_connections') as connections from pg_database where datname = 'postgres'`,
  );
  expect(row).toEqual({ encoding: "UTF8", locale: "C.UTF-8", tcp: "", fsync: "on", connections: "200" });
  expect(statSync(postgres.socketDir).mode & 0o777).toBe(0o700);
  await query(postgres.adminUrl, "create role app login");
  await query(postgres.adminUrl, "create database loom");
  await query(
    postgres.url("postgres", "loom"),
    "create extension ltree; create table kept (n int); insert into kept values (1)",
  );
  expect(await query(postgres.url("app", "loom"), "select current_user as who, current_database() as place")).toEqual([
    { who: "app", place: "loom" },
  ]);
});

test("what was written is there after a stop and a start, which is quick and quiet", async () => {
  const before = performance.now();
  const postgres = await start();
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(await query(postgres.url("postgres", "loom"), "select n from kept")).toEqual([{ n: 1 }]);
  expect(said).toEqual([]);
  await postgres.stop();
  await postgres.stop();
  expect(await postgres.exited).toBe("exit code 0");
  expect(existsSync(postgres.socketDir)).toBe(false);
  expect(isAlive(postgres.pid)).toBe(false);
});

test("a server that is killed is reported, and starts again with its data", async () => {
  const exits: string[] = [];
  const first = await start(dataDir, (reason) => exits.push(reason));
  await query(first.url("postgres", "loom"), "insert into kept values (2)");
  process.kill(first.pid, "SIGKILL");
  expect(await first.exited).toBe("signal SIGKILL");
  const again = await start();
  expect(await query(again.url("postgres", "loom"), "select n from kept order by n")).toEqual([{ n: 1 }, { n: 2 }]);
  expect(exits).toEqual(["signal SIGKILL"]);
  await again.stop();
});

test("a stop is not reported as an exit", async () => {
  const exits: string[] = [];
  const postgres = await start(dataDir, (reason) => exits.push(reason));
  await postgres.stop();
  expect(exits).toEqual([]);
});

test("a pid file that names an unrelated living process does not keep it from starting", async () => {
  const { socketDir } = await start();
  await running?.stop();
  mkdirSync(socketDir, { mode: 0o700 });
  const stale = `${process.pid}\n/nowhere\n1\n5432\n${socketDir}\n\n`;
  writeFileSync(join(dataDir, "postmaster.pid"), stale);
  writeFileSync(join(socketDir, ".s.PGSQL.5432.lock"), stale);
  const postgres = await start();
  expect(postgres.adopted).toBe(false);
  expect(readFileSync(join(dataDir, "postmaster.pid"), "utf8")).toMatch(new RegExp(`^${postgres.pid}\n`));
});

test("the server of a process killed with SIGKILL is adopted, watched and stopped", async () => {
  const { child, answer } = await hostProgram<{ pid: number; adminUrl: string }>("postgres-host", [dataDir, "no"]);
  child.kill("SIGKILL");
  await eventually(() => child.signalCode !== null);
  expect(isAlive(answer.pid)).toBe(true);
  const postgres = await start();
  expect(postgres).toMatchObject({ adopted: true, pid: answer.pid, adminUrl: answer.adminUrl });
  expect(said).toEqual([`adopted the PostgreSQL that was left running (process ${answer.pid})`]);
  expect(await query(postgres.adminUrl, "select 1 as one")).toEqual([{ one: 1 }]);
  await postgres.stop();
  await eventually(() => !isAlive(answer.pid));
});

test("an adopted server that dies is reported", async () => {
  const { child, answer } = await hostProgram<{ pid: number }>("postgres-host", [dataDir, "no"]);
  child.kill("SIGKILL");
  const exit = Promise.withResolvers<string>();
  await start(dataDir, exit.resolve);
  process.kill(answer.pid, "SIGKILL");
  expect(await exit.promise).toBe("the adopted server is gone");
});

test("by default the server goes when its parent is killed, and the next start waits for it", async () => {
  const { child, answer } = await hostProgram<{ pid: number }>("postgres-host", [dataDir]);
  child.kill("SIGKILL");
  const postgres = await start();
  await postgres.stop();
  expect([isAlive(answer.pid), isAlive(postgres.pid)]).toEqual([false, false]);
});

test.each(variant("a creation that was cut off halfway starts over"))("%s", async () => {
  const directory = join(place.path, "cut", "pg");
  mkdirSync(`${directory}.new`, { recursive: true, mode: 0o700 });
  writeFileSync(join(`${directory}.new`, "half"), "");
  const postgres = await start(directory);
  expect(existsSync(join(directory, "half"))).toBe(false);
  await postgres.stop();
  writeFileSync(join(directory, "PG_VERSION"), "15\n");
  await expect(start(directory)).rejects.toThrow(/was made by PostgreSQL 15, installed is 18/);
});

test.each(variant("a data directory with a long path gets a short socket folder"))("%s", async () => {
  const directory = join(place.path, "a".repeat(100), "pg");
  const postgres = await start(directory);
  expect(postgres.socketDir.length).toBeLessThan(90);
  expect(await query(postgres.adminUrl, "select 1 as one")).toEqual([{ one: 1 }]);
  await expect(startPostgres({ dataDir, socketDir: directory, log })).rejects.toThrow(/too long a path/);
});

test.runIf(isRoot && existsSync("/root"))(
  "as root it runs as another user, also below a home that this user cannot enter",
  async () => {
    const home = scratch("/root");
    try {
      const postgres = await start(join(home.path, "state", "pg"));
      expect(readFileSync(`/proc/${postgres.pid}/status`, "utf8")).toMatch(/^Uid:\s+65534\s/m);
      expect(statSync(join(home.path, "state")).mode & 0o777).toBe(0o700);
      expect(await query(postgres.adminUrl, "select 1 as one")).toEqual([{ one: 1 }]);
      await postgres.stop();
    } finally {
      home.remove();
    }
  },
);

test.runIf(isRoot)(
  "binaries that the unprivileged account cannot read are copied once, to a folder that root alone writes",
  () => {
    const account = postgresAccount(0);
    const installed = postgresBinaries(account, log).folder;
    chmodSync(place.path, 0o711);
    said.length = 0;
    const copy = readableCopy(installed, "test", account, log, place.path);
    expect(copy).toBe(join(place.path, "powerloom-postgres-test"));
    expect(statSync(copy)).toMatchObject({ uid: 0, gid: 0 });
    expect(readableCopy(installed, "test", account, log, place.path)).toBe(copy);
    expect(said).toHaveLength(1);
    chownSync(copy, 65_534, 65_534);
    expect(() => readableCopy(installed, "test", account, log, place.path)).toThrow(/belongs to somebody else/);
    chmodSync(place.path, 0o700);
  },
);

test.runIf(isRoot)("as an ordinary user it runs as that user, with the socket beside the data", async () => {
  const home = scratch();
  // "daemon" everywhere: initdb wants a user that has a name.
  const uid = 1;
  chownSync(home.path, uid, uid);
  chmodSync(home.path, 0o700);
  try {
    const directory = join(home.path, "state", "pg");
    const as = { uid, gid: uid, cwd: "/", env: { PATH: process.env["PATH"], HOME: home.path } };
    const { child, answer } = await hostProgram<{ pid: number; adminUrl: string }>("postgres-host", [directory], as);
    expect(readFileSync(`/proc/${answer.pid}/status`, "utf8")).toMatch(/^Uid:\s+1\s/m);
    expect(answer.adminUrl).toContain(encodeURIComponent(join(home.path, "state", "postgres-socket")));
    expect(await query(answer.adminUrl, "select 1 as one")).toEqual([{ one: 1 }]);
    child.kill("SIGTERM");
    await eventually(() => !isAlive(answer.pid));
  } finally {
    home.remove();
  }
});

test.each([
  ["/srv/app/.powerloom/pg", { dropped: false }, "/srv/app/.powerloom/postgres-socket"],
  ["/srv/app/.powerloom/pg", { dropped: true, uid: 65_534, gid: 65_534 }, /^\/tmp\/powerloom-[0-9a-f]{12}$/],
  [`/srv/${"a".repeat(90)}/pg`, { dropped: false }, /^\/tmp\/powerloom-[0-9a-f]{12}$/],
] as const)("the socket of %s for %j is in %s", (directory, account, expected) => {
  const folder = socketDirectory(directory, account, "/tmp");
  expect(folder).toMatch(expected);
  expect(fitsSocket(folder)).toBe(true);
});

test("only root drops its rights", () => {
  expect(postgresAccount(0)).toEqual({ dropped: true, uid: 65_534, gid: 65_534 });
  expect(postgresAccount(1000)).toEqual({ dropped: false });
});
