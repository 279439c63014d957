import { printable } from "./printable.ts";

/** Where text can be shown that changes as more of it comes. */
interface LiveArea {
  /** Columns of the terminal. */
  columns: number;
  /** The most lines to show: the last ones. */
  lines: number;
}

/** The last lines of a text, each short enough not to be broken by a terminal. Pure. */
export function lastLines(text: string, { columns, lines }: LiveArea): string[] {
  const wrapped = printable(text)
    .replaceAll("\t", "  ")
    .split("\n")
    .flatMap((line) => wrap(line, columns - 1));
  return wrapped.slice(-lines);
}

/** How many lines a terminal needs for a text without line breaks. */
export function linesFor(text: string, columns: number): number {
  return Math.floor(columnsFor(text) / columns) + 1;
}

function wrap(line: string, most: number): string[] {
  const rows: string[] = [];
  let row = "";
  for (const word of line.match(/\S+\s*|\s+/g) ?? [""]) {
    if (row !== "" && columnsFor(row + word.trimEnd()) > most) {
      rows.push(row.trimEnd());
      row = "";
    }
    row += word;
    // A word that is longer than a line is broken where it has to be.
    for (let fits = fitting(row, most); fits.length < row.trimEnd().length; fits = fitting(row, most)) {
      rows.push(fits);
      row = row.slice(fits.length);
    }
  }
  return [...rows, row.trimEnd()];
}

function fitting(text: string, most: number): string {
  let fits = "";
  for (const character of text) {
    if (fits !== "" && columnsFor(fits + character) > most) break;
    fits += character;
  }
  return fits;
}

/** At most so many columns: what is not ASCII may take two. */
function columnsFor(text: string): number {
  let columns = 0;
  for (const character of text) columns += character <= "\u007f" ? 1 : 2;
  return columns;
}
