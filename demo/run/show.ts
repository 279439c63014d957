import type { Paint } from "../../cli/paint.ts";
import { printable } from "../../cli/printable.ts";
import type { DiffLine } from "../../core/text/line-diff.ts";

/** Lines of a diff as people read them. */
export function diffLines(diff: readonly DiffLine[], paint: Paint): string[] {
  return diff.map(({ kind, text }) => {
    const shown = printable(text);
    if (kind === "same") return paint("dim", `  ${shown}`);
    return kind === "removed" ? paint("red", `- ${shown}`) : paint("green", `+ ${shown}`);
  });
}

/** A heading, with what is about to happen below it. */
export function chapterLines(title: string, about: readonly string[], paint: Paint): string[] {
  return [
    "",
    paint("bold", `── ${title} ${"─".repeat(Math.max(3, 92 - title.length))}`),
    ...about.map((line) => paint("dim", line)),
    "",
  ];
}

/** Rows in columns: each as wide as its widest cell, the last as it is. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
