import { v7 } from "uuid";
import { createOrganisation } from "../../db/create-organisation.ts";
import { type Database, openDatabase } from "../../db/database.ts";
import { type Person, signIn } from "../../demo/api.ts";
import { applied } from "./applied.ts";

/** A pseudo-random sequence from a seed (mulberry32), so that a failing run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface TestOrganisation {
  organisationId: string;
  /** Slug and name of the root OU: `/${name}`. */
  name: string;
  root: string;
  admin: Person;
  /** Adds a person with roles and signs them in. */
  person(
    local: string,
    options?: { name?: string; ou?: string; roles?: { role: string; ou: string }[] },
  ): Promise<Person & { id: string }>;
  ou(path: string): Promise<string>;
}

/** A fresh organisation in a stack in dev mode, with its admin signed in through dev login. */
export async function newOrganisation(
  label: string,
  stack: { apiUrl: string; databaseUrl: string },
): Promise<TestOrganisation> {
  const name = `${label}-${v7().slice(-10)}`;
  const withDatabase = async <Result>(body: (db: Database) => Promise<Result>): Promise<Result> => {
    const db = openDatabase(stack.databaseUrl, { name: "powerloom-test", max: 2 });
    try {
      return await body(db);
    } finally {
      await db.close();
    }
  };
  const { organisationId, adminId } = await withDatabase((db) =>
    createOrganisation(db, () => v7(), {
      name,
      displayName: name,
      adminEmail: `admin@${name}.test`,
      adminName: "Ada Admin",
    }),
  );
  const byAdmin = { organisationId, principalId: adminId };
  const admin = await signIn(stack.apiUrl, `admin@${name}.test`);
  const root = `/${name}`;
  return {
    organisationId,
    name,
    root,
    admin,
    async person(local, options = {}) {
      const email = `${local}@${name}.test`;
      const id = await withDatabase(async (db) => {
        const made = await applied<{ id: string }>(db, byAdmin, "user.create", {
          email,
          display_name: options.name ?? local,
          home_ou: options.ou ?? root,
        });
        for (const { role, ou } of options.roles ?? [])
          await applied(db, byAdmin, "binding.create", { role, ou, user: email });
        return made.id;
      });
      return { ...(await signIn(stack.apiUrl, email)), id };
    },
    async ou(path) {
      const cut = path.lastIndexOf("/");
      await withDatabase((db) =>
        applied(db, byAdmin, "ou.create", { parent: path.slice(0, cut), name: path.slice(cut + 1) }),
      );
      return path;
    },
  };
}

/** Waits until `probe` gives something, looking every 50 ms. */
export async function eventually<Result>(
  probe: () => Promise<Result | undefined>,
  what: string,
  timeoutMs = 15_000,
): Promise<Result> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const result = await probe();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
