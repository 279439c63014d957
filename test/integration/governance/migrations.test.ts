import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { expect, test } from "vitest";
import { migrate } from "../../../db/migrate.ts";
import { sharedStack } from "../../support/organisation.ts";
import { asSuperuser, tenantTables } from "./stage.ts";

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

async function migrateInProcess(url: string): Promise<string[]> {
  const program = `import { migrate } from ${JSON.stringify(migrateModule)}; console.log(JSON.stringify(await migrate(process.argv[1])));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program, url]);
  return JSON.parse(stdout) as string[];
}

test("four processes that migrate an empty database at once apply each migration exactly once, and again is a no-op", async () => {
  const files = (await readdir(new URL("../../../db/migrations/", import.meta.url))).map((file) =>
    file.replace(/\.sql$/, ""),
  );
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

test("two databases of one server are migrated at once, though roles are common to both", async () => {
  await withDatabase("migrated_one", (one) =>
    withDatabase("migrated_two", async (two) => {
      const applied = await Promise.all([one, two, one, two].map((url) => migrate(url)));
      expect(applied.map((names) => names.length).reduce((a, b) => a + b)).toBe(
        2 * (await readdir(new URL("../../../db/migrations/", import.meta.url))).length,
      );
    }),
  );
});
