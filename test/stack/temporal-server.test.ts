import { existsSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { freePort } from "../../stack/ports.ts";
import { isAlive } from "../../stack/running.ts";
import { ensureTemporalBinary } from "../../stack/temporal-binary.ts";
import { startTemporalServer, type TemporalServer, temporalServerArgs } from "../../stack/temporal-server.ts";
import { ensureSearchAttributes, searchAttributeCommand, searchAttributes } from "../../temporal/search-attributes.ts";
import { variant } from "../support/everything.ts";
import { hostProgram, scratch } from "./programs.ts";

let place: ReturnType<typeof scratch>;
let binary: string;
let dbFile: string;
let server: TemporalServer | undefined;
const said: string[] = [];

beforeAll(async () => {
  place = scratch();
  dbFile = join(place.path, "temporal.db");
  binary = (await ensureTemporalBinary({ log: (line) => process.stderr.write(`${line}\n`) })).path;
}, 1_200_000);
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => place.remove());

async function start(more: Partial<Parameters<typeof startTemporalServer>[0]> = {}): Promise<TemporalServer> {
  said.length = 0;
  server = await startTemporalServer({
    binary,
    port: await freePort(),
    dbFile,
    log: (line) => said.push(line),
    ...more,
  });
  return server;
}

async function withClient<T>(address: string, use: (client: Client, connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection, namespace: "powerloom" }), connection);
  } finally {
    await connection.close();
  }
}

const begin = (address: string, workflowId: string) =>
  withClient(address, (client) =>
    client.workflow.start("nothing", {
      taskQueue: "nobody",
      workflowId,
      // Untyped on purpose: the names are what is tested.
      searchAttributes: { PowerloomKind: ["agent"], PowerloomOrganisation: ["org"] },
    }),
  );

test("the arguments carry the settings without which it is slow", () => {
  const args = temporalServerArgs({
    host: "127.0.0.1",
    port: 7233,
    uiPort: 8233,
    dbFile: "/state/temporal.db",
    namespace: "powerloom",
    searchAttributes: { PowerloomOu: "Keyword" },
  });
  expect(args.join(" ")).toBe(
    "server start-dev --ip 127.0.0.1 --port 7233 --ui-port 8233 --db-filename /state/temporal.db --log-level error " +
      "--namespace powerloom --search-attribute PowerloomOu=Keyword " +
      ["transfer", "timer", "visibility", "outbound", "archival"]
        .map((queue) => `--dynamic-config-value history.${queue}ProcessorMaxPollRPS=10000 `)
        .join("") +
      "--dynamic-config-value history.hostLevelCacheMaxSize=4000 " +
      "--dynamic-config-value system.enableActivityEagerExecution=true " +
      "--sqlite-pragma journal_mode=WAL --sqlite-pragma synchronous=NORMAL",
  );
});

test("it starts with UI and search attributes, and keeps a workflow over a stop and a start", async () => {
  const uiPort = await freePort();
  const first = await start({ uiPort });
  expect((await fetch(first.uiUrl)).status).toBe(200);
  await begin(first.address, "kept");
  await first.stop();
  expect(await first.exited).toBe("exit code 0");
  const again = await start();
  const description = await withClient(again.address, (client) => client.workflow.getHandle("kept").describe());
  expect(description.status.name).toBe("RUNNING");
  expect(description.searchAttributes["PowerloomKind"]).toEqual(["agent"]);
});

test("a server that is killed is reported, and comes back with its data", async () => {
  const exit = Promise.withResolvers<string>();
  const first = await start({ onExit: exit.resolve });
  await begin(first.address, "survivor");
  process.kill(first.pid, "SIGKILL");
  expect(await exit.promise).toBe("signal SIGKILL");
  const again = await start();
  const description = await withClient(again.address, (client) => client.workflow.getHandle("survivor").describe());
  expect(description.status.name).toBe("RUNNING");
});

test.each(variant("another version starts with a new file, keeps the old one and says so"))("%s", async () => {
  writeFileSync(`${dbFile}.version`, "1.29.1\n");
  const fresh = await start();
  expect(said.join("\n")).toMatch(
    /cannot read the database of version 1\.29\.1: it starts empty, the old one is kept in /,
  );
  const aside = readdirSync(place.path).filter((name) => /^temporal\.db\.1\.29\.1-\d{14}$/.test(name));
  expect(aside).toHaveLength(1);
  await expect(withClient(fresh.address, (client) => client.workflow.getHandle("kept").describe())).rejects.toThrow(
    /not found/i,
  );
  await fresh.stop();
  await start();
  expect(said).toEqual([]);
});

test("a port that is taken, and a program that is not Temporal, are one sentence", async () => {
  const first = await start();
  const port = Number(first.address.split(":")[1]);
  const other = { binary, port, dbFile: join(place.path, "other.db"), log: () => {} };
  await expect(startTemporalServer(other)).rejects.toThrow(`Port ${port} is taken, needed by Temporal; stop`);
  await expect(startTemporalServer({ ...other, binary: "/nowhere/temporal" })).rejects.toMatchObject({
    name: "StackError",
  });
  await expect(startTemporalServer({ ...other, binary: "/bin/false" })).rejects.toMatchObject({ name: "StackError" });
  expect(isAlive(first.pid)).toBe(true);
});

test("a server whose process id cannot be written down is ended: nobody would know of it", async () => {
  const port = await freePort();
  const file = join(place.path, "unwritable.db");
  // As on a full disk: there is nothing to read, and writing fails.
  symlinkSync(join(place.path, "no-such-folder", "pid"), `${file}.pid`);
  await expect(startTemporalServer({ binary, port, dbFile: file, log: () => {} })).rejects.toMatchObject({
    name: "StackError",
  });
  rmSync(`${file}.pid`, { force: true });
  // Its port is free again, and nobody holds its file.
  await start({ port, dbFile: file });
});

test("the version written beside the database is left alone by the next start: a full disk cannot empty it", async () => {
  await (await start()).stop();
  utimesSync(`${dbFile}.version`, 1_000, 1_000);
  await start();
  expect(statSync(`${dbFile}.version`).mtimeMs).toBe(1_000_000);
});

test.each(variant("it goes when its parent is killed with SIGKILL"))("%s", async () => {
  const port = await freePort();
  const { child, answer } = await hostProgram<{ pid: number }>("temporal-host", [
    binary,
    String(port),
    join(place.path, "host.db"),
  ]);
  expect(isAlive(answer.pid)).toBe(true);
  child.kill("SIGKILL");
  // The next start on the same file and port waits for its end.
  await start({ port, dbFile: join(place.path, "host.db") });
  expect(isAlive(answer.pid)).toBe(false);
});

test("a start that another process spoiled by taking one of the server's inner ports is made again", async () => {
  const spoiled = join(place.path, "spoiled");
  const program = join(place.path, "temporal-once-spoiled");
  const line = '{"level":"FATAL","message":"listen tcp 127.0.0.1:34709: bind: address already in use"}';
  writeFileSync(
    program,
    `#!/bin/sh\nif [ "$1" = server ] && [ ! -e '${spoiled}' ]; then touch '${spoiled}'; echo '${line}' >&2; exit 1; fi\nexec '${binary}' "$@"\n`,
    { mode: 0o755 },
  );
  await start({ binary: program, dbFile: join(place.path, "spoiled.db") });
  expect(existsSync(spoiled)).toBe(true);
  expect(said.join("\n")).toMatch(/address already in use.*: starting it again/);
});

test("search attributes that a foreign server lacks are registered, once", async () => {
  const { address } = await start({ dbFile: join(place.path, "bare.db"), searchAttributes: {} });
  await withClient(address, async (_client, connection) => {
    const ask = () => ensureSearchAttributes({ connection, address, namespace: "powerloom" });
    expect(await ask()).toEqual({ status: "registered", names: Object.keys(searchAttributes) });
    expect(await ask()).toEqual({ status: "present" });
    const clash = await ensureSearchAttributes({
      connection,
      address,
      namespace: "powerloom",
      attributes: { PowerloomOu: "Int" },
    });
    expect(clash).toMatchObject({
      status: "missing",
      sentence: expect.stringContaining("PowerloomOu exists there with another type than Int"),
    });
    const nowhere = await ensureSearchAttributes({ connection, address, namespace: "absent" });
    expect(nowhere).toMatchObject({
      status: "missing",
      sentence: expect.stringContaining("temporal operator search-attribute create"),
    });
  });
  await begin(address, "found");
});

test("the command to print registers exactly what is missing", () => {
  expect(searchAttributeCommand("loom", "temporal:7233", ["PowerloomOu", "PowerloomKind"], searchAttributes)).toBe(
    "temporal operator search-attribute create --address temporal:7233 --namespace loom " +
      "--name PowerloomOu --type Keyword --name PowerloomKind --type Keyword",
  );
  expect(existsSync(binary)).toBe(true);
});
