import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { onlineStatements } from "../../db/online.ts";

const folder = new URL("../../db/migrations/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));

/** What makes writers wait for as long as a table has rows, and what to do instead. */
const slow: readonly [RegExp, string][] = [
  [/create\s+(?:unique\s+)?index(?!\s+concurrently)/i, "build the index concurrently, online"],
  [/generated\s+always\s+as\s*\(.*?\bstored\b/is, "add a plain column, and fill it online"],
  [/alter\s+column\s+\w+\s+(?:set\s+data\s+)?type\b/i, "add another column, and fill it online"],
  [/alter\s+column\s+\w+\s+set\s+not\s+null/i, "add a check that is not valid, and validate it online"],
  [
    /add\s+(?:constraint\s+\w+\s+)?(?:check|foreign\s+key)(?![^;]*not\s+valid)/i,
    "add it not valid, and validate it online",
  ],
  [
    /add\s+(?:constraint\s+\w+\s+)?(?:unique|primary\s+key)\s*\(/i,
    "build the index online, and add the constraint using it",
  ],
  [/add\s+column[^;]*default\s+\w+\(/i, "a default that is a call is worked out for every row: fill it online"],
  [/^\s*(?:update|delete\s+from)\b/im, "change rows online, some at a time"],
  [/\b(?:vacuum\s+full|cluster)\b/i, "not while others write"],
];

function faultsOf(file: string, text: string): string[] {
  // Of a table that the same file creates, nobody waits for anything.
  const created = [...text.matchAll(/create table (\w+)/gi)].map(([, name]) => name);
  const online = file.endsWith(".online.sql");
  const statements = online ? onlineStatements(text).map((one) => one.text) : text.split(/;\s*$/m);
  return statements.flatMap((statement) => {
    if (created.some((name) => new RegExp(`\\b(?:on|table)\\s+${name}\\b`, "i").test(statement))) return [];
    const found = slow.flatMap(([pattern, instead]) => (pattern.test(statement) ? [instead] : []));
    const fine = online && /^\s*(?:update|delete)\b/i.test(statement) && /\blimit\s+\d/i.test(statement);
    return fine ? [] : found;
  });
}

test("files are numbered without a gap, so that they are applied in one order", () => {
  expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, index) => index + 1));
});

const since = files.slice(12);

test.each(since.length > 0 ? since : ["(none yet)"])("%s makes nobody wait", (file) => {
  if (since.length > 0) expect(faultsOf(file, readFileSync(new URL(file, folder), "utf8"))).toEqual([]);
});

describe("is refused", () => {
  test.each([
    "create index notes_words on notes (words)",
    "alter table notes add column n int generated always as (length(words)) stored",
    "alter table notes alter column words type varchar(10)",
    "alter table notes alter column words set not null",
    "alter table notes add constraint short check (length(words) < 10)",
    "alter table notes add foreign key (person) references people",
    "alter table notes add unique (words)",
    "alter table notes add column at timestamptz default clock_timestamp()",
    "update notes set words = ''",
  ])("%s", (text) => expect(faultsOf("0099-x.sql", text)).toHaveLength(1));

  test("a change of all rows at once, though it is online", () =>
    expect(faultsOf("0099-x.online.sql", "update notes set words = ''")).toHaveLength(1));
});

describe("is let through", () => {
  test.each([
    ["0099-x.sql", "create table notes (id int);\ncreate index notes_id on notes (id);"],
    ["0099-x.sql", "alter table notes add column more text not null default ''"],
    ["0099-x.sql", "alter table notes add constraint short check (length(words) < 10) not valid"],
    ["0099-x.online.sql", "create index concurrently if not exists notes_words on notes (words)"],
    [
      "0099-x.online.sql",
      "--> repeat\nupdate notes set n = 1 where id in (select id from notes where n is null limit 500)",
    ],
  ])("%s: %s", (file, text) => expect(faultsOf(file, text)).toEqual([]));
});
