import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import type { Violation } from "./checker/record.ts";
import type { Stage } from "./stage.ts";

/** A secret that was given to the product, and must stand nowhere in the clear. */
export interface Canary {
  name: string;
  value: string;
}

/** Collects secrets as they come: those planted at the start, and those the product itself reveals once. */
export class Canaries {
  private readonly known = new Map<string, string>();

  add(name: string, value: unknown): void {
    if (typeof value === "string" && value.length >= 16) this.known.set(value, name);
  }

  /** All of them, or so many of each name where there are very many. */
  all(mostOfAName = 15): Canary[] {
    const list = [...this.known].map(([value, name]) => ({ name, value }));
    return [...Map.groupBy(list, ({ name }) => name).values()].flatMap((same) => same.slice(-mostOfAName));
  }
}

/** A secret as it would stand in bytes: in the clear, and in base64 at each of the three places it can begin. */
function forms({ value }: Canary): Buffer[] {
  const inBase64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${"x".repeat(shift)}${value}`).toString("base64");
    // What the neighbours have a share in is left out.
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [value, ...inBase64].map((text) => Buffer.from(text));
}

type Search = (bytes: Buffer, where: string) => void;

function searchFor(canaries: readonly Canary[]): { search: Search; found: Map<string, Violation>; longest: number } {
  const wanted = canaries.map((canary) => ({ name: canary.name, forms: forms(canary) }));
  const found = new Map<string, Violation>();
  return {
    found,
    longest: Math.max(0, ...wanted.flatMap((one) => one.forms.map(({ length }) => length))),
    search(bytes, where) {
      for (const one of wanted)
        if (one.forms.some((form) => bytes.includes(form)))
          found.set(`${one.name} ${where}`, { kind: "leaked", what: `${one.name} stands in ${where}` });
    },
  };
}

const mostHistories = 400;
const mostExports = 40;

/** Looks for every secret wherever the product, its servers and its clients have written something. */
export async function searchCanaries(
  stage: Stage,
  canaries: readonly Canary[],
  clientLog: string,
  token: string,
): Promise<Violation[]> {
  const { search, found, longest } = searchFor(canaries);
  const inFile = async (file: string, where: string) => {
    let tail = Buffer.alloc(0);
    for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
      const bytes = Buffer.concat([tail, chunk as Buffer]);
      search(bytes, where);
      tail = bytes.subarray(Math.max(0, bytes.length - longest));
    }
  };
  const state = join(stage.directory, "state");
  await inFile(stage.logFile, "the log of the processes");
  await inFile(clientLog, "what clients were answered");
  for (const file of (await readdir(state)).filter((name) => /^temporal\.db(-wal)?$/.test(name)))
    await inFile(join(state, file), `Temporal's ${file}`);
  for (const file of await filesUnder(join(state, "workspaces"))) await inFile(file, "a workspace");
  await inTables(stage, search);
  await inHistories(stage, search);
  await inExports(stage, token, search);
  return [...found.values()];
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Every row of every table, as text: what is sealed stands there as ciphertext. */
async function inTables({ database }: Stage, search: Search): Promise<void> {
  const tables = await database.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
  );
  for (const { name } of tables.rows) {
    const client = await database.connect();
    try {
      await client.query("begin read only");
      await client.query(`declare everything no scroll cursor for select t::text as row from ${name} t`);
      for (;;) {
        const { rows } = await client.query<{ row: string }>("fetch 500 from everything");
        if (rows.length === 0) break;
        search(Buffer.from(rows.map(({ row }) => row).join("\n")), `table ${name}`);
      }
      await client.query("commit");
    } finally {
      client.release();
    }
  }
}

/** Histories as Temporal gives them, payloads decoded; memos and search attributes as it lists them. */
async function inHistories({ stack }: Stage, search: Search): Promise<void> {
  const connection = await Connection.connect({ address: stack.temporalAddress });
  try {
    const temporal = new Client({ connection, namespace: stack.temporalNamespace });
    let left = mostHistories;
    for await (const { workflowId, runId, memo, searchAttributes } of temporal.workflow.list()) {
      search(Buffer.from(JSON.stringify({ memo, searchAttributes })), "a memo or a search attribute");
      if (left <= 0) continue;
      left -= 1;
      const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
      const text = JSON.stringify(history, (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
      );
      search(Buffer.from(text), "a history");
    }
  } finally {
    await connection.close();
  }
}

async function inExports({ stack, database, organisationId }: Stage, token: string, search: Search): Promise<void> {
  const { rows } = await database.query<{ id: string }>(
    "select id from agent_runs where organisation_id = $1 and parent_run_id is null order by id desc limit $2",
    [organisationId, mostExports],
  );
  for (const { id } of rows) {
    const answer = await fetch(`${stack.apiUrl}/runs/${id}/export`, { headers: { authorization: `Bearer ${token}` } });
    search(Buffer.from(await answer.arrayBuffer()), "an exported run");
  }
}
