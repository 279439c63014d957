import { readFile, writeFile } from "node:fs/promises";
import { expect } from "vitest";
import { everything } from "../../support/everything.ts";

/** What came of one attempt: `ok`, `nil` (answered, without the target), the status of the refusal, or `--` (nothing to try). */
export type Cell = string;

/** A cell that this run leaves out. */
export const untried: Cell = "?";

/** Rows in the order given, columns in groups: each group has its columns for every row. */
export interface Matrix {
  groups: readonly string[];
  columns: readonly string[];
  /** By row, then by group, then by column. */
  rows: ReadonlyMap<string, ReadonlyMap<string, Cell[]>>;
}

/** The matrix as aligned text, sorted by row, so that a change of rights is a change of one line. */
function render({ groups, columns, rows }: Matrix): string {
  const first = Math.max(...[...rows.keys()].map((name) => name.length));
  const width = Math.max(...columns.map((name) => name.length), 3);
  const block = (cells: readonly string[]) => cells.map((cell) => cell.padStart(width)).join(" ");
  const blockWidth = Math.max(block(columns).length, ...groups.map((name) => name.length));
  const line = (name: string, blocks: readonly string[]) =>
    `${name.padEnd(first)} | ${blocks.map((text) => text.padEnd(blockWidth)).join(" | ")}`.trimEnd();
  const heading =
    columns.length > 1
      ? [
          line(
            "",
            groups.map(() => block(columns)),
          ),
        ]
      : [];
  return [
    line("", groups),
    ...heading,
    ...[...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, cells]) =>
        line(
          name,
          groups.map((group) => block(cells.get(group) ?? [])),
        ),
      ),
    "",
  ].join("\n");
}

const updating = process.env["UPDATE_GOLDEN"] === "1";

/** Whether every cell is tried. In `npm test` those are left out that say the same again of somebody with fewer rights. */
export const everyCell = updating || everything;

const fileOf = (name: string) => new URL(`../../fixtures/role-matrix/${name}`, import.meta.url);

/** The cells of a golden file, by row and group. */
export async function readGolden(name: string): Promise<Map<string, Map<string, Cell[]>>> {
  const lines = (await readFile(fileOf(name), "utf8")).trimEnd().split("\n");
  const [groups = [], ...rows] = lines.map((line) => line.split("|").map((block) => block.trim()));
  return new Map(
    rows.map(([row = "", ...blocks]) => [
      row,
      new Map(blocks.map((block, index) => [groups[index + 1] ?? "", block.split(/\s+/)])),
    ]),
  );
}

/** Compares with the file of this name, or writes it: `UPDATE_GOLDEN=1`. Cells that were not tried count as they stand there. */
export async function expectGolden(name: string, matrix: Matrix): Promise<void> {
  if (updating) await writeFile(fileOf(name), render(matrix));
  const golden = await readGolden(name);
  for (const [row, groups] of matrix.rows)
    for (const [group, cells] of groups)
      for (const [index, cell] of cells.entries())
        if (cell === untried) cells[index] = golden.get(row)?.get(group)?.[index] ?? untried;
  const problem = `${name} has changed: look at every line, then UPDATE_GOLDEN=1 (docs/security-matrix.md)`;
  expect(render(matrix), problem).toBe(await readFile(fileOf(name), "utf8"));
}

/** Runs tasks, so many at a time; the first failure fails all. */
export async function atMost(limit: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...tasks];
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
    }),
  );
}
