import { randomBytes, randomUUID } from "node:crypto";
import { chmod, link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StackError } from "./stack-error.ts";

const names = ["sealing_key", "mcp_client_secret"] as const;

/** Secrets of one installation: 32 random bytes each, in base64url. They live beside the data, never in the database. */
export type Secrets = Readonly<Record<(typeof names)[number], string>>;

const wellFormed = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads `secrets.json`, creates it once, and adds what a newer version needs.
 *
 * Creation is atomic and never overwrites: the file is written beside and linked into place, so of two processes one
 * wins and both use its secrets. A damaged file is refused, because new secrets would make sealed data unreadable.
 */
export async function loadOrCreateSecrets(directory: string): Promise<Secrets> {
  const path = join(directory, "secrets.json");
  const content = (await read(path)) ?? (await create(path));
  const faulty = names.filter((name) => name in content && !wellFormed.test(String(content[name])));
  if (faulty.length > 0) throw damaged(path, faulty.join(", "));
  const absent = names.filter((name) => !(name in content));
  const whole = { ...content, ...fresh(absent) };
  if (absent.length > 0) await writeBeside(path, whole, (beside) => rename(beside, path));
  return Object.fromEntries(names.map((name) => [name, whole[name]])) as Secrets;
}

async function create(path: string): Promise<Record<string, unknown>> {
  await writeBeside(path, fresh(names), (beside) =>
    link(beside, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    }),
  );
  return (await read(path)) ?? {};
}

function fresh(wanted: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(wanted.map((name) => [name, randomBytes(32).toString("base64url")]));
}

async function writeBeside(path: string, content: unknown, place: (beside: string) => Promise<void>): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  try {
    await writeFile(beside, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx", flush: true });
    await place(beside);
  } finally {
    await rm(beside, { force: true });
  }
}

async function read(path: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new StackError(`${path} cannot be read: ${(error as Error).message}`);
  }
  await chmod(path, 0o600);
  const value = parse(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged(path, "not a JSON object");
  return value as Record<string, unknown>;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(path: string, what: string): StackError {
  return new StackError(`${path} is damaged (${what}); restore it, or reset the state directory`);
}
