import { readFileSync } from "node:fs";
import type { Violation } from "./checker/record.ts";
import type { Outcome } from "./run.ts";
import { partNames } from "./stage.ts";

/** Whatever could be wrong, named also when nothing is. */
const kinds: readonly Violation["kind"][] = [
  "lost",
  "duplicated",
  "unaudited",
  "unauthorised",
  "stuck",
  "over-budget",
  "leaked",
  "not-recovered",
];

/** Summaries that earlier runs have written with `--json`. */
export function readOutcomes(files: readonly string[]): Outcome[] {
  return files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Outcome);
}

/** One table over one run or several. */
export function renderSummary(outcomes: readonly Outcome[]): string {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0);
  const rows = partNames.map((part) => {
    const samples = outcomes.flatMap(({ recoveries }) => recoveries[part] ?? []).sort((a, b) => a - b);
    const at = (share: number) => {
      const sample = samples[Math.min(samples.length - 1, Math.ceil(share * samples.length) - 1)];
      return sample === undefined ? "–" : `${(sample / 1000).toFixed(2)} s`;
    };
    return [part, String(sum(({ kills }) => kills[part] ?? 0)), at(0.5), at(0.95), at(1)];
  });
  const operations = added(outcomes.map((outcome) => outcome.operations));
  const violations = outcomes.flatMap((outcome) => outcome.violations);
  const total = [...operations.values()].reduce((all, count) => all + count, 0);
  return [
    `seeds ${outcomes.map(({ seed }) => seed).join(", ")}: ${sum(({ seconds }) => seconds)} s, load ${outcomes.map(({ load, cores }) => `${load.toFixed(1)} on ${cores} cores`).join(", ")}`,
    `${rows.reduce((all, [, kills]) => all + Number(kills), 0)} kills, ${total} operations (${listed(operations)})`,
    `other faults: ${listed(added(outcomes.map((outcome) => outcome.faults))) || "none"}`,
    `looked at: ${listed(added(outcomes.map((outcome) => outcome.looked)))}`,
    "",
    table([["part", "kills", "recovery p50", "p95", "max"], ...rows]),
    "",
    table(kinds.map((kind) => [kind, String(violations.filter((one) => one.kind === kind).length)])),
    ...violations.slice(0, 40).map(({ kind, what }) => `  ${kind}: ${what}`),
    ...(violations.length > 40 ? [`  … and ${violations.length - 40} more`] : []),
  ].join("\n");
}

function added(counts: readonly Record<string, number>[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const [name, count] of counts.flatMap(Object.entries<number>)) all.set(name, (all.get(name) ?? 0) + count);
  return all;
}

const listed = (counts: Map<string, number>) => [...counts].map(([name, count]) => `${count} ${name}`).join(", ");

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
