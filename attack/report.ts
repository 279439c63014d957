/** What one kind of attempt came to. */
interface Tally {
  /** What was tried, in words. */
  what: string;
  tried: number;
  /** What came of it, in words: how often each outcome, what is not covered. */
  outcome: string;
}

/** What a part of the attack found. Nothing may be violated, and something must have been tried. */
export interface Report {
  tallies: Tally[];
  /** Each names what was broken and how to repeat it. */
  violations: string[];
}

/** How long and with which random choices a part attacks. */
export interface Effort {
  seed: number;
  rounds: number;
}

/** "applied 12, denied 3", the most frequent first. */
export function countOf(outcomes: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `${outcome} ${count}`)
    .join(", ");
}

/** The table for people. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  const [head = [], ...rest] = rows;
  return [line(head), widths.map((width) => "─".repeat(width)).join("──"), ...rest.map(line)].join("\n");
}
