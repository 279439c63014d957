import { paintVerdict } from "./verdict.ts";

/** One line of the table. */
export interface Finding {
  name: string;
  /** What was measured, in words, with its unit. */
  measured: string;
  /** What it is held against. */
  baseline?: string;
  /** The figure the target speaks of. */
  value: number;
  unit: "×" | "ms" | "µs" | "/s" | "calls" | "events" | "MB" | "kB" | "rows" | "cores" | "%";
  target?: { at: "most" | "least"; value: number };
  /** Everything else, for `--json`. */
  facts?: Record<string, unknown>;
}

/** Undefined when there is no target: a figure to read, not to judge. */
export function meets({ value, target }: Finding): boolean | undefined {
  if (target === undefined) return undefined;
  return target.at === "most" ? value <= target.value : value >= target.value;
}

/** The table for people. */
export function renderTable(findings: readonly Finding[], color: boolean): string {
  const rows = findings.map((finding) => [
    finding.name,
    finding.measured,
    finding.baseline ?? "",
    `${figure(finding.value)} ${finding.unit}`,
    finding.target === undefined
      ? ""
      : `${finding.target.at === "most" ? "≤" : "≥"} ${finding.target.value} ${finding.unit}`,
  ]);
  const head = ["what", "measured", "against", "figure", "target"];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return [
    `${line(head)}  verdict`,
    `${widths.map((width) => "─".repeat(width)).join("──")}─────────`,
    ...rows.map((row, index) => {
      const finding = findings[index];
      return `${line(row)}  ${finding === undefined ? "" : paintVerdict(meets(finding), color)}`;
    }),
  ].join("\n");
}

/** Three significant digits, never in exponents. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
