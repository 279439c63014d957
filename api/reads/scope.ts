import type { Permission } from "../../core/authority/roles.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { Sql, Tx } from "../../db/database.ts";
import { grantedRoots } from "../../db/queries/authority.ts";
import { findOu, isUuid } from "../../db/queries/ous.ts";
import { findUser } from "../../db/queries/people.ts";
import { areSeen, type Hold, isSeen, type Listed, type Sight } from "../../db/queries/sights.ts";
import type { ApiDeps, Caller } from "../deps.ts";

/** What reads are given: the transaction, who asks, and what they sent. */
export interface ReadContext {
  deps: ApiDeps;
  tx: Sql;
  caller: Caller;
  now: Date;
  params: Record<string, string>;
  query: Record<string, string | number | undefined>;
  /** Has something about the reading itself stored when it is done, before it is answered. */
  afterwards: (store: (tx: Tx) => Promise<void>) => void;
}

/** SQL conditions with their values, numbered as they come. */
export class Conditions {
  private readonly parts: string[] = [];
  readonly values: unknown[] = [];

  /** Adds a condition; `?` stands for the value. */
  add(text: string, value?: unknown): this {
    if (value !== undefined) {
      this.values.push(value);
      this.parts.push(text.replaceAll("?", `$${this.values.length}`));
    } else this.parts.push(text);
    return this;
  }

  /** Keeps a value that a condition names by the placeholder it gives. */
  readonly hold: Hold = (value) => `$${this.values.push(value)}`;

  get sql(): string {
    return this.parts.length === 0 ? "true" : this.parts.map((part) => `(${part})`).join(" and ");
  }
}

/** Ids of the OUs from which downwards the caller holds a permission. */
export function rootsOf(context: ReadContext, permission: Permission): Promise<string[]> {
  return grantedRoots(context.tx, context.caller.principalId, permission, context.now);
}

/**
 * Narrows a list to an OU and those below it, when the query names one. One out of sight is as absent as an unknown one.
 * @returns its id
 */
export async function narrowToOu(context: ReadContext, conditions: Conditions): Promise<string | undefined> {
  const reference = context.query["ou"];
  if (typeof reference !== "string") return undefined;
  const ou = await findOu(context.tx, reference);
  const visible = ou !== undefined && (await rootsOf(context, "ou:read")).some((root) => ou.ancestors.includes(root));
  if (!visible)
    throw new PowerloomError("not_found", `No OU found at \`${reference}\`. Give an existing path or id.`, {
      pointer: "/ou",
    });
  conditions.add("? = any (o.ancestors)", ou.id);
  return ou.id;
}

/** What somebody sees of one kind of thing. */
export interface Seen {
  sights: readonly Sight[];
  /** Holds the values that the sights name. */
  conditions: Conditions;
}

/** Those in OUs where the caller holds a permission. */
export async function seenWithin(context: ReadContext, permission: Permission): Promise<Seen> {
  return { sights: [{ roots: await rootsOf(context, permission) }], conditions: new Conditions() };
}

/** The caller's own. */
export function ownOnly({ caller }: ReadContext, ownColumn: string): Seen {
  const conditions = new Conditions();
  return { sights: [{ condition: `${ownColumn} = ${conditions.hold(caller.principalId)}` }], conditions };
}

/** The caller's own, and those in OUs where they hold a permission. */
export async function ownOr(context: ReadContext, ownColumn: string, permission: Permission): Promise<Seen> {
  const { sights, conditions } = ownOnly(context, ownColumn);
  return { sights: [...sights, { roots: await rootsOf(context, permission) }], conditions };
}

/** Conditions for a single row: that it is seen. */
export function seen({ sights, conditions }: Seen): Conditions {
  return conditions.add(isSeen(sights, conditions.hold));
}

/** Narrows a list to rows that have the query's text in one of the columns, in any case. */
export function narrowToText(context: ReadContext, conditions: Conditions, columns: readonly string[]): void {
  const text = context.query["q"];
  if (text !== undefined)
    conditions.add(columns.map((column) => `strpos(lower(${column}), lower(?)) > 0`).join(" or "), text);
}

/** Narrows a list to rows whose columns are what the query says under these names. */
export function narrowToSame(
  { query }: ReadContext,
  conditions: Conditions,
  columns: Readonly<Record<string, string>>,
): void {
  for (const [name, column] of Object.entries(columns))
    if (query[name] !== undefined) conditions.add(`${column} = ?`, query[name]);
}

/** Id of the person that the query names by email or id; of somebody unknown an id that nothing has. */
export async function namedPerson({ tx, query }: ReadContext, name: string): Promise<string | undefined> {
  const reference = query[name];
  if (reference === undefined) return undefined;
  const given = String(reference).toLowerCase();
  return (isUuid(given) ? given : (await findUser(tx, given))?.id) ?? nobody;
}

/** Narrows a list to one person's rows, when the query names one by email or id. Somebody unknown has none. */
export async function narrowToPerson(
  context: ReadContext,
  conditions: Conditions,
  name: string,
  column: string,
): Promise<void> {
  const id = await namedPerson(context, name);
  if (id !== undefined) conditions.add(`${column} = ?`, id);
}

/** An id that nothing has. */
export const nobody = "00000000-0000-0000-0000-000000000000";

/** Lists whose ids are text; those of all others are UUIDs. */
const textIds: ReadonlySet<string> = new Set(["p.id", "r.id"]);

/** Where a page starts: the id its cursor carries. */
function decodeCursor(cursor: string | number | undefined, idColumn: string): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(String(cursor), "base64url").toString("utf8");
  const wellFormed = textIds.has(idColumn) ? /^[\w-]{1,100}$/.test(id) : isUuid(id);
  if (!wellFormed || Buffer.from(id).toString("base64url") !== cursor) throw foreignCursor();
  return id;
}

export function foreignCursor(): PowerloomError {
  return new PowerloomError("bad_request", "`cursor` is not one of ours: use `next_cursor` as it was given.", {
    pointer: "/cursor",
  });
}

/** One page of a list, and the cursor of the next. */
export interface Page<View> {
  data: View[];
  next_cursor: string | null;
}

/** One page of those rows that the caller sees, in the OU that the query names. */
export async function readSeen<Row extends { id: string }, View>(
  context: ReadContext,
  list: Listed,
  { sights, conditions }: Seen,
  toView: (row: Row) => View,
  order: "asc" | "desc" = "asc",
): Promise<Page<View>> {
  const narrowed = await narrowToOu(context, conditions);
  return readPage<Row, View>(context, list.select, list.id, conditions, toView, order, (limit) =>
    areSeen(context.tx, list, sights, conditions.hold, {
      where: conditions.sql,
      within: narrowed,
      page: { order, limit },
    }),
  );
}

/**
 * How many rows are asked for. Written into the text, and so of few kinds: for a number that it does not know, a plan that is
 * kept reckons with a tenth of all rows.
 */
const pageSizes = [10, 50, 200];

/**
 * One page of rows by id, and the cursor of the next. Ids are time-ordered, so no row is shown twice or skipped.
 * @param among finds the rows, given how many are needed
 */
export async function readPage<Row extends { id: string }, View>(
  context: ReadContext,
  select: string,
  idColumn: string,
  conditions: Conditions,
  toView: (row: Row) => View,
  order: "asc" | "desc" = "asc",
  among?: (limit: string) => Promise<string>,
): Promise<Page<View>> {
  const limit = Number(context.query["limit"] ?? 50);
  const after = decodeCursor(context.query["cursor"], idColumn);
  if (after !== undefined) conditions.add(`${idColumn} ${order === "asc" ? ">" : "<"} ?`, after);
  const atMost = String(1 + (pageSizes.find((size) => size >= limit) ?? limit));
  if (among !== undefined) conditions.add(await among(atMost));
  // The text says how the rows are found, whatever the values: planned for each of them, it took longer than reading them.
  const [, rows] = await Promise.all([
    context.tx.run("set local plan_cache_mode = force_generic_plan"),
    context.tx.rows<Row>(
      `${select} where ${conditions.sql} order by ${idColumn} ${order} limit ${atMost}`,
      conditions.values,
    ),
  ]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    data: page.map(toView),
    next_cursor: rows.length > limit && last !== undefined ? Buffer.from(last.id).toString("base64url") : null,
  };
}

/** The row, or a 404 that does not tell whether it is absent or not for this caller. */
export function found<Row>(row: Row | undefined, what: string, id: string | undefined): Row {
  if (row === undefined) throw new PowerloomError("not_found", `No ${what} found with id \`${id}\` that you may see.`);
  return row;
}

/** The one thing that the query asks about, `type:id`; undefined when it names none. */
export function namedTarget({ query }: ReadContext): { type: string; id: string } | undefined {
  if (query["target"] === undefined) return undefined;
  const [, type, id] = /^([a-z_]+):(.+)$/s.exec(String(query["target"])) ?? [];
  if (type === undefined || id === undefined)
    throw new PowerloomError("invalid_input", "`target` must be a type and an id, such as agent:0198….", {
      pointer: "/target",
    });
  return type === "agent" && isUuid(id) ? { type, id: id.toLowerCase() } : { type, id };
}

/**
 * Narrows a list to what is about one thing, `type:id`. About an agent is also what is about its attachments (whose id is the
 * agent's and that of what is attached) and its credentials. Equality alone: below row-level security no index knows more.
 * @param type,id SQL of the two, in each row
 */
export function narrowToTarget(context: ReadContext, conditions: Conditions, type: string, id: string): void {
  const wanted = namedTarget(context);
  if (wanted === undefined) return;
  if (wanted.type !== "agent" || !isUuid(wanted.id)) {
    conditions.add(`${id} = ?`, wanted.id).add(`${type} = ?`, wanted.type);
    return;
  }
  conditions.add(
    `${type} = 'agent' and ${id} = ?::text
      or ${type} = 'attachment' and ${id} = any (array(
           select ?::text || '/' || s.id from skills s union all select ?::text || '/' || m.id from mcp_servers m))
      or ${type} = 'credential' and ${id} = any (array(select c.id::text from credentials c where c.agent_id = ?::uuid))`,
    wanted.id,
  );
}
