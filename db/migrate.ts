import { readFile } from "node:fs/promises";
import { Pool } from "pg";
import { builtInRoles } from "../core/authority/roles.ts";
import { applyMigrations } from "./apply-migrations.ts";
import { sqlState } from "./database.ts";

const shipped = new URL("./migrations/", import.meta.url);

/**
 * Brings a database to the newest schema: roles, numbered migrations, built-in roles. Safe when several processes start
 * at once (advisory locks), and a no-op when nothing is new. Others may write meanwhile: whatever needs a lock on a table
 * gives way to those who have it and tries again.
 * @param adminUrl a user that may create roles; everything else then runs as `powerloom_owner`
 * @param passwords set on the login roles when given; a trusted socket needs none
 * @returns names of the migrations applied now
 */
export async function migrate(
  adminUrl: string,
  passwords: { app?: string | undefined; issuer?: string | undefined } = {},
): Promise<string[]> {
  const admin = new Pool({ connectionString: adminUrl, max: 1 });
  try {
    await createRoles(admin);
    for (const [role, password] of [
      ["powerloom_app", passwords.app],
      ["powerloom_issuer", passwords.issuer],
    ] as const) {
      if (password === undefined) continue;
      const { rows } = await admin.query<{ statement: string }>(
        "select format('alter role %I password %L', $1::text, $2::text) as statement",
        [role, password],
      );
      await admin.query(rows[0]?.statement ?? "");
    }
  } finally {
    await admin.end();
  }

  const pool = new Pool({ connectionString: adminUrl, max: 3, options: "-c role=powerloom_owner" });
  try {
    const applied = await applyMigrations(pool, shipped);
    await writeBuiltInRoles(pool);
    return applied;
  } finally {
    await pool.end();
  }
}

/** Roles belong to the whole cluster: another database's migrator may create or grant the same ones at this moment. */
async function createRoles(admin: Pool): Promise<void> {
  const statements = await readFile(new URL("./roles.sql", import.meta.url), "utf8");
  for (let attempt = 1; ; attempt += 1)
    try {
      await admin.query(statements);
      return;
    } catch (error) {
      // duplicate_object, unique_violation, "tuple concurrently updated"
      if (attempt === 5 || !["42710", "23505", "XX000"].includes(sqlState(error) ?? "")) throw error;
    }
}

async function writeBuiltInRoles(pool: Pool): Promise<void> {
  for (const [name, role] of Object.entries(builtInRoles)) {
    await pool.query(
      `insert into roles (name, description, permissions) values ($1, $2, $3)
       on conflict (name) do update set description = excluded.description, permissions = excluded.permissions
        where (roles.description, roles.permissions) is distinct from (excluded.description, excluded.permissions)`,
      [name, role.description, role.permissions],
    );
  }
}
