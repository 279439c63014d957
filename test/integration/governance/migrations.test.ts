import { execFile } from "node:child_process";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Client, Pool } from "pg";
import { describe, expect, test } from "vitest";
import { applyMigrations } from "../../../db/apply-migrations.ts";
import { migrate } from "../../../db/migrate.ts";
import { asSuperuser } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { sharedStack } from "../../support/organisation.ts";
import { tenantTables } from "./stage.ts";

const run = promisify(execFile);
const migrateModule = new URL("../../../db/migrate.ts", import.meta.url).href;

async function withDatabase<Result>(name: string, body: (url: string) => Promise<Result>): Promise<Result> {
  await asSuperuser((sql) => sql.query(`create database ${name}`));
  try {
    const url = new URL(sharedStack().adminUrl);
    url.pathname = `/${name}`;
    return await body(url.href);
  } finally {
    await asSuperuser((sql) => sql.query(`drop database ${name} with (force)`));
  }
}

/** Names of the migrations there are. */
async function shipped(): Promise<string[]> {
  const files = await readdir(new URL("../../../db/migrations/", import.meta.url));
  return files.filter((file) => file.endsWith(".sql")).map((file) => file.replace(/\.sql$/, ""));
}

async function migrateInProcess(url: string): Promise<string[]> {
  const program = `import { migrate } from ${JSON.stringify(migrateModule)}; console.log(JSON.stringify(await migrate(process.argv[1])));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program, url]);
  return JSON.parse(stdout) as string[];
}

test("four processes that migrate an empty database at once apply each migration exactly once, and again is a no-op", async () => {
  const files = await shipped();
  await withDatabase("migrated_by_four", async (url) => {
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrateInProcess(url)));
    expect(applied.flat().sort()).toEqual(files.sort());
    expect(await migrate(url)).toEqual([]);
    const sql = new Client({ connectionString: url });
    await sql.connect();
    expect(await tenantTables(sql)).toEqual(await asSuperuser(tenantTables));
    await sql.end();
  });
});

test.each(variant("two databases of one server are migrated at once, though roles are common to both"))(
  "%s",
  async () => {
    await withDatabase("migrated_one", (one) =>
      withDatabase("migrated_two", async (two) => {
        const applied = await Promise.all([one, two, one, two].map((url) => migrate(url)));
        expect(applied.map((names) => names.length).reduce((a, b) => a + b)).toBe(2 * (await shipped()).length);
      }),
    );
  },
);

describe("while others write", () => {
  const folder = async (files: Record<string, string>): Promise<URL> => {
    const directory = await mkdtemp(join(tmpdir(), "powerloom-migrations-"));
    for (const [name, text] of Object.entries({ "0001-notes.sql": notes, ...files }))
      await writeFile(join(directory, name), text);
    return pathToFileURL(`${directory}/`);
  };
  const notes =
    "create table notes (id bigint generated always as identity primary key, words text not null, length int)";
  const filled = "insert into notes (words) select repeat('x', i % 50) from generate_series(1, 2500) i";

  test("rows are changed some at a time, and an index is built beside them", async () => {
    const online = `--> repeat
update notes set length = length(words) where id in (select id from notes where length is null limit 1000 for update skip locked);
--> statement-breakpoint
create index concurrently if not exists notes_length on notes (length);`;
    await withDatabase("migrated_online", async (url) => {
      expect(await apply(url, await folder({}))).toEqual(["0001-notes"]);
      await withClient(url, async (sql) => {
        await sql.query(filled);
        // Half of an index, as a cut-off building leaves it.
        await sql.query("create index notes_length on notes (length)");
        await sql.query("update pg_index set indisvalid = false where indexrelid = 'notes_length'::regclass");
        expect(await apply(url, await folder({ "0002-lengths.online.sql": online }))).toEqual(["0002-lengths.online"]);
        const { rows } = await sql.query(
          `select count(*) filter (where length is null)::int as left, count(distinct xmin::text)::int as changes,
                  (select indisvalid from pg_index where indexrelid = 'notes_length'::regclass) as valid from notes`,
        );
        expect(rows).toEqual([{ left: 0, changes: 3, valid: true }]);
      });
    });
  });

  test("whoever holds a table is not stood in line behind: the migration gives way, and is applied when it is free", async () => {
    await withDatabase("migrated_later", async (url) => {
      await apply(url, await folder({}));
      await withClient(url, (holder) =>
        withClient(url, async (writer) => {
          await holder.query("begin; insert into notes (words) values ('mine')");
          await writer.query("set statement_timeout = '10s'");
          let applied = false;
          const migrating = apply(
            url,
            await folder({ "0002-more.sql": "alter table notes add column more text" }),
          ).then((names) => {
            applied = true;
            return names;
          });
          await expect
            .poll(
              async () =>
                (await holder.query("select from pg_locks where not granted and relation = 'notes'::regclass"))
                  .rowCount,
            )
            .toBe(1);
          // Behind whoever waits for the whole table.
          await writer.query("insert into notes (words) values ('too')");
          expect(applied).toBe(false);
          await holder.query("commit");
          expect(await migrating).toEqual(["0002-more"]);
        }),
      );
    });
  });

  test("one that fails leaves nothing, and those before it stay", async () => {
    await withDatabase("migrated_half", async (url) => {
      const bad = "create table half (id int); select 1 / 0";
      await expect(apply(url, await folder({ "0002-bad.sql": bad }))).rejects.toThrow(/division by zero/);
      await withClient(url, async (sql) => {
        const { rows } = await sql.query(
          "select to_regclass('notes') is not null as notes, to_regclass('half') as half",
        );
        expect(rows).toEqual([{ notes: true, half: null }]);
      });
      expect(await apply(url, await folder({ "0002-bad.sql": "create table half (id int)" }))).toEqual(["0002-bad"]);
    });
  });
});

async function apply(url: string, directory: URL): Promise<string[]> {
  const pool = new Pool({ connectionString: url, max: 3 });
  // Its end comes before that of its connections, which the end of the database may cut off.
  pool.on("error", () => undefined);
  try {
    return await applyMigrations(pool, directory);
  } finally {
    await pool.end();
  }
}

async function withClient<Result>(url: string, body: (sql: Client) => Promise<Result>): Promise<Result> {
  const sql = new Client({ connectionString: url });
  await sql.connect();
  try {
    return await body(sql);
  } finally {
    await sql.end();
  }
}
