import type { Sql } from "../database.ts";

/** One way in which somebody sees rows of a list: those in some OUs and below, those of which a condition is true, or both. */
export interface Sight {
  /** OUs from which downwards. */
  roots?: readonly string[];
  /** SQL. */
  condition?: string;
}

/** A list that is read in pages, as SQL. */
export interface Listed {
  /** What of a row is shown, with the tables it comes from. */
  select: string;
  /** The tables alone. */
  from: string;
  /** Column of the id, and of the OU that a row belongs to. */
  id: string;
  ou: string;
}

/** Takes a value and gives its placeholder. */
export type Hold = (value: unknown) => string;

/** OUs below some roots: all that there are; more than are asked for one by one; or these. */
type Subtree = "all" | "many" | readonly string[];

/**
 * Up to so many OUs are asked one by one for their newest rows, which costs what a page costs for each. Beyond, their rows are
 * many among all rows, and going through these in their order finds a page soon.
 */
const fewOus = 100;

/** From each OU to its children, by an index: it costs what is below, however many OUs there are besides. */
async function ousBelow(sql: Sql, roots: readonly string[], within: string | undefined): Promise<Subtree> {
  const row = await sql.maybe<{ ids: string[] | null }>(
    `select case when $2::uuid is null and not exists (select from ous where parent_id is null and id <> all ($1::uuid[])) then null
       else array(
         with recursive below (id) as (
           (select id from ous where id = any ($1::uuid[]) and ($2 is null or $2 = any (ancestors))
             union select id from ous where id = $2 and ancestors && $1::uuid[])
           union
           select o.id from below b cross join lateral (select id from ous where parent_id = b.id offset 0) o)
         select id from below limit ${fewOus + 1}) end as ids`,
    [roots, within ?? null],
  );
  const ids = row?.ids ?? "all";
  return ids === "all" || ids.length <= fewOus ? ids : "many";
}

/** A sight, and what its roots come to. */
interface Way {
  sight: Sight;
  ous?: Subtree;
}

/** Ways that lead to rows: those whose roots have no OU below them lead to none. */
async function waysOf(sql: Sql, sights: readonly Sight[], within: string | undefined): Promise<Way[]> {
  const ways = await Promise.all(
    sights.map(async (sight): Promise<Way> => {
      if (sight.roots === undefined) return { sight };
      return { sight, ous: sight.roots.length === 0 ? [] : await ousBelow(sql, sight.roots, within) };
    }),
  );
  return ways.filter(({ ous }) => ous === undefined || ous.length > 0);
}

const all = (conditions: readonly (string | undefined)[]) =>
  conditions.filter((condition) => condition !== undefined).join(" and ") || "true";

/** SQL: the row is seen in one of these ways. It is looked at by itself: for rows that are found by something else. */
export function isSeen(sights: readonly Sight[], hold: Hold, ancestors = "o.ancestors"): string {
  const each = sights.map(({ roots, condition }) =>
    all([roots === undefined ? undefined : `${ancestors} && ${hold(roots)}::uuid[]`, condition]),
  );
  return each.length === 0 ? "false" : `(${each.map((one) => `(${one})`).join(" or ")})`;
}

/**
 * SQL: the row is seen in one of these ways, and found by them: where few OUs are seen, each is asked for its rows by an index
 * on (organisation, OU, id), so that what others have costs nothing.
 * @param given conditions besides, and how many rows are needed (SQL), in which order: all when absent
 */
export async function areSeen(
  sql: Sql,
  list: Omit<Listed, "select">,
  sights: readonly Sight[],
  hold: Hold,
  given: { where: string; within?: string | undefined; page?: { order: "asc" | "desc"; limit: string } },
): Promise<string> {
  const { from, id, ou } = list;
  const ways = await waysOf(sql, sights, given.within);
  if (ways.length === 0) return "false";
  if (ways.some(({ ous }) => ous === "all" || ous === "many")) {
    const each = ways.map(({ sight, ous }) =>
      all([ous === undefined ? undefined : isIn(ou, ous, sight.roots ?? [], hold), sight.condition]),
    );
    return `(${each.map((one) => `(${one})`).join(" or ")})`;
  }
  const page = (column: string) =>
    given.page === undefined ? "" : `order by ${column} ${given.page.order} limit ${given.page.limit}`;
  const each = ways.map(({ sight, ous }) => {
    const rows = (more?: string) =>
      `select ${id} as id ${from} where ${all([more, sight.condition === undefined ? undefined : `(${sight.condition})`, given.where])} ${page(id)}`;
    return ous === undefined
      ? `(${rows()})`
      : `(select l.id from unnest(${hold(ous)}::uuid[]) as one (ou) cross join lateral (${rows(`${ou} = one.ou`)}) l)`;
  });
  // An array, so that it is worked out once, before the rows of these ids are fetched.
  return `${id} = any (array(select s.id from (${each.join(" union ")}) s ${page("s.id")}))`;
}

/** Whether there is no OU that is not one of these roots, or below one. */
export async function areEverything(sql: Sql, roots: readonly string[]): Promise<boolean> {
  return roots.length > 0 && (await ousBelow(sql, roots, undefined)) === "all";
}

/** SQL: an OU is one of these roots, or below one. */
export async function isBelow(sql: Sql, ou: string, roots: readonly string[], hold: Hold): Promise<string> {
  return roots.length === 0 ? "false" : isIn(ou, await ousBelow(sql, roots, undefined), roots, hold);
}

function isIn(ou: string, ous: Subtree, roots: readonly string[], hold: Hold): string {
  if (ous === "all") return `${ou} is not null`;
  // The coalesce keeps it a test of each row: joined, a page would need them all.
  if (ous === "many")
    return `coalesce(${ou} in (select at.id from ous at where at.ancestors && ${hold(roots)}::uuid[]), false)`;
  return `${ou} = any (${hold(ous)}::uuid[])`;
}
