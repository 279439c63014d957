import type { Client } from "pg";
import { type ChainEntry, genesisHash, hashEntry } from "../../core/audit/chain.ts";
import { canonicalJson } from "../../core/canonical.ts";

/** What an edit has to work with: a chain as it was, and where to hit it. */
export interface Target {
  organisationId: string;
  /** Another organisation with a chain that is at least as long. */
  otherId: string;
  entries: readonly ChainEntry[];
  /** 1 to the number of entries. */
  position: number;
  /** Above `position`, when there is one. */
  later: number;
  random: () => number;
}

/** What `verify` must say: the first broken position, or that the chain is intact, which only a checkpoint disproves. */
export type Expected = { broken: number } | { intact: true; brokenByCheckpoint: number | null };

/** One way to tamper. Runs with triggers off, past every grant. */
export type Edit = (sql: Client, target: Target) => Promise<Expected>;

const other = (random: () => number) => canonicalJson({ forged: String(random()) });
const randomHash = (random: () => number) =>
  Array.from({ length: 64 }, () => Math.floor(random() * 16).toString(16)).join("");

/** Sets columns of one entry. */
function set(sql: Client, { organisationId, position }: Target, columns: Record<string, unknown>, at = position) {
  const names = Object.keys(columns);
  return sql.query(
    `update control_plane_audit set ${names.map((name, index) => `${name} = $${index + 3}`).join(", ")}
      where organisation_id = $1 and position = $2`,
    [organisationId, at, ...Object.values(columns)],
  );
}

const remove = (sql: Client, { organisationId }: Target, from: number, to: number) =>
  sql.query("delete from control_plane_audit where organisation_id = $1 and position between $2 and $3", [
    organisationId,
    from,
    to,
  ]);

const setHead = (sql: Client, { organisationId }: Target, position: number, hash: string) =>
  sql.query("update audit_heads set position = $2, hash = $3 where organisation_id = $1", [
    organisationId,
    position,
    hash,
  ]);

const insert = (sql: Client, entry: ChainEntry) =>
  sql.query(
    `insert into control_plane_audit (organisation_id, position, at, at_text, body, previous, hash)
     values ($1, $2, $3::text::timestamptz, $3, $4, $5, $6)`,
    [entry.organisation, entry.position, entry.at, entry.body, entry.previous, entry.hash],
  );

/** Writes everything from a position on anew, as if `body` had been appended there, every hash in order. */
async function rewrite(sql: Client, target: Target, from: number, body: string): Promise<ChainEntry[]> {
  let previous = target.entries[from - 2]?.hash ?? genesisHash;
  const rewritten = target.entries.slice(from - 1).map((entry, index) => {
    const unhashed = { ...entry, body: index === 0 ? body : entry.body, previous };
    previous = hashEntry(unhashed);
    return { ...unhashed, hash: previous };
  });
  for (const { position, body: text, previous: before, hash } of rewritten)
    await set(sql, target, { body: text, previous: before, hash }, position);
  return rewritten;
}

function at({ entries }: Target, position: number): ChainEntry {
  const entry = entries[position - 1];
  if (entry === undefined) throw new Error(`there is no entry ${position}`);
  return entry;
}

/** Exchanges two entries whole; their primary keys must not meet on the way. */
async function swap(sql: Client, target: Target): Promise<void> {
  const far = target.entries.length + 1_000;
  for (const [from, to] of [
    [target.position, far],
    [target.later, target.position],
    [far, target.later],
  ] as const)
    await set(sql, target, { position: to }, from);
}

export const edits: Record<string, Edit> = {
  "another body": async (sql, target) => {
    await set(sql, target, { body: other(target.random) });
    return { broken: target.position };
  },
  "the same body, written differently": async (sql, target) => {
    await set(sql, target, { body: ` ${at(target, target.position).body}` });
    return { broken: target.position };
  },
  "another time in what is hashed": async (sql, target) => {
    await set(sql, target, { at_text: "2020-01-01T00:00:00.000000Z" });
    return { broken: target.position };
  },
  "another time in what is searched": async (sql, target) => {
    await set(sql, target, { at: new Date(target.random() * 1e12) });
    return { broken: target.position };
  },
  "another previous hash": async (sql, target) => {
    await set(sql, target, { previous: randomHash(target.random) });
    return { broken: target.position };
  },
  "another hash": async (sql, target) => {
    await set(sql, target, { hash: randomHash(target.random) });
    return { broken: target.position };
  },
  "another position": async (sql, target) => {
    await set(sql, target, { position: target.entries.length + 2 });
    return { broken: target.position };
  },
  "another organisation": async (sql, target) => {
    await set(sql, target, { organisation_id: target.otherId, position: 1_000_000 });
    return { broken: target.position };
  },
  "another body, hashed": async (sql, target) => {
    const entry = { ...at(target, target.position), body: other(target.random) };
    await set(sql, target, { body: entry.body, hash: hashEntry(entry) });
    return { broken: Math.min(target.position + 1, target.entries.length) };
  },
  "everything after it hashed anew, the head left": async (sql, target) => {
    await rewrite(sql, target, target.position, other(target.random));
    return { broken: target.entries.length };
  },
  "an entry of another organisation in its place": async (sql, target) => {
    await sql.query(
      `update control_plane_audit c set body = o.body, at = o.at, at_text = o.at_text, previous = o.previous, hash = o.hash
         from control_plane_audit o
        where c.organisation_id = $1 and c.position = $3 and o.organisation_id = $2 and o.position = $3`,
      [target.organisationId, target.otherId, target.position],
    );
    return { broken: target.position };
  },
  "one deleted": async (sql, target) => {
    await remove(sql, target, target.position, target.position);
    return { broken: target.position };
  },
  "several deleted": async (sql, target) => {
    await remove(sql, target, target.position, target.later);
    return { broken: target.position };
  },
  "the tail cut off, the head left": async (sql, target) => {
    await remove(sql, target, target.position, target.entries.length);
    return { broken: target.position };
  },
  "all deleted, the head left": async (sql, target) => {
    await remove(sql, target, 1, target.entries.length);
    return { broken: 1 };
  },
  "one forged behind the head, in order": async (sql, target) => {
    const last = at(target, target.entries.length);
    const entry = { ...last, position: last.position + 1, body: other(target.random), previous: last.hash };
    await insert(sql, { ...entry, hash: hashEntry(entry) });
    return { broken: last.position + 1 };
  },
  "one forged in between, in order": async (sql, target) => {
    const far = 1_000;
    const { organisationId, position } = target;
    const move = (by: number, from: number) =>
      sql.query(
        "update control_plane_audit set position = position + $2 where organisation_id = $1 and position >= $3",
        [organisationId, by, from],
      );
    await move(far, position);
    await move(1 - far, far);
    const entry = { ...at(target, position), body: other(target.random) };
    await insert(sql, { ...entry, hash: hashEntry(entry) });
    return { broken: position + 1 };
  },
  "two swapped": async (sql, target) => {
    await swap(sql, target);
    return { broken: target.position };
  },
  "the bodies of two swapped": async (sql, target) => {
    const [one, two] = [at(target, target.position).body, at(target, target.later).body];
    await set(sql, target, { body: two });
    await set(sql, target, { body: one }, target.later);
    return { broken: target.position };
  },
  "the head moved back": async (sql, target) => {
    await setHead(sql, target, target.position - 1, at(target, target.position).previous);
    return { broken: target.position };
  },
  "the head moved ahead": async (sql, target) => {
    const { entries } = target;
    await setHead(sql, target, entries.length + target.position, at(target, entries.length).hash);
    return { broken: entries.length + 1 };
  },
  "another hash in the head": async (sql, target) => {
    await setHead(sql, target, target.entries.length, randomHash(target.random));
    return { broken: target.entries.length };
  },
  "the head deleted": async (sql, { organisationId }) => {
    await sql.query("delete from audit_heads where organisation_id = $1", [organisationId]);
    return { broken: 1 };
  },

  // What a chain cannot show by itself.
  "everything after it hashed anew, the head too": async (sql, target) => {
    const rewritten = await rewrite(sql, target, target.position, other(target.random));
    await setHead(sql, target, target.entries.length, rewritten.at(-1)?.hash ?? "");
    return { intact: true, brokenByCheckpoint: target.entries.length };
  },
  "the tail cut off, the head too": async (sql, target) => {
    await remove(sql, target, target.position, target.entries.length);
    await setHead(sql, target, target.position - 1, at(target, target.position).previous);
    return { intact: true, brokenByCheckpoint: target.position };
  },
  "all deleted, the head too": async (sql, target) => {
    await remove(sql, target, 1, target.entries.length);
    await sql.query("delete from audit_heads where organisation_id = $1", [target.organisationId]);
    return { intact: true, brokenByCheckpoint: 1 };
  },
  "one forged behind the last, the head moved": async (sql, target) => {
    const last = at(target, target.entries.length);
    const entry = { ...last, position: last.position + 1, body: other(target.random), previous: last.hash };
    const hash = hashEntry(entry);
    await insert(sql, { ...entry, hash });
    await setHead(sql, target, entry.position, hash);
    return { intact: true, brokenByCheckpoint: null };
  },
};
