import type { Drift } from "./drift.ts";
import { gatePercent, rolesBelowGate, type Totals, totalsBy, totalsByModel } from "./metrics.ts";
import type { BrokenOutcome, Outcome } from "./suite.ts";

export interface Report {
  /** Who answered: said in every form of the report. */
  minds: string;
  outcomes: readonly Outcome[];
  broken: readonly BrokenOutcome[];
  drift: readonly Drift[];
  tolerance: number;
  /** Not in the baseline. */
  unknown: readonly string[];
  audited: boolean;
  seconds: number;
}

/** What keeps the suite from having passed, a sentence each. */
export function faultsOf({ outcomes, broken, drift, unknown, tolerance }: Report): string[] {
  const below = rolesBelowGate(outcomes);
  const failed = outcomes.filter(({ status }) => status === "failed").length;
  const wrong = broken.filter(({ status }) => status === "wrong").length;
  const beyond = new Set(drift.filter((one) => one.beyond).map(({ task }) => task)).size;
  return [
    ...(failed === 0 ? [] : [`${failed} of ${outcomes.length} tasks failed`]),
    ...below.map((role) => `the ${role} is below ${gatePercent} %`),
    ...(wrong === 0
      ? []
      : [`${wrong} of ${broken.length} broken minds were not rejected by the grader that is there for them`]),
    ...(beyond === 0 ? [] : [`${beyond} tasks drifted by more than ${tolerance} %`]),
    ...(unknown.length === 0 ? [] : [`not in the baseline: ${unknown.join(", ")}`]),
  ];
}

/** The report that a person reads, as Markdown. */
export function renderReport(report: Report): string {
  const { outcomes, broken, drift, minds, audited, seconds } = report;
  const parts = [`# Evals: ${minds}`];
  if (outcomes.length > 0)
    parts.push(
      totalsTable("role", totalsBy(outcomes, "role")),
      totalsTable("kind", totalsBy(outcomes, "kind")),
      totalsTable("model", totalsByModel(outcomes)),
    );
  const failed = outcomes.flatMap((one) => (one.status === "failed" ? [one] : []));
  if (failed.length > 0)
    parts.push(
      section(
        "Failed",
        failed.flatMap(({ task, failures }) => [
          `- **${task.id}** (${task.role}): ${task.checks}`,
          ...failures.map(({ grader, reason }) => `  - ${grader}: ${reason}`),
        ]),
      ),
    );
  const skipped = outcomes.flatMap((one) => (one.status === "skipped" ? [one] : []));
  if (skipped.length > 0)
    parts.push(
      section(
        "Skipped",
        skipped.map(({ task, reason }) => `- ${task.id}: ${reason}`),
      ),
    );
  if (broken.length > 0) parts.push(brokenSection(broken));
  if (drift.length > 0) parts.push(driftSection(report));
  if (!audited) parts.push("The audit trail was not looked at: nobody gave a token that may read it.");
  const faults = faultsOf(report);
  parts.push(
    `${faults.length === 0 ? "**Passed**" : `**Not passed**: ${faults.join("; ")}`}. Took ${Math.round(seconds)} s.`,
  );
  return parts.join("\n\n");
}

const section = (title: string, lines: readonly string[]): string => `## ${title}\n\n${lines.join("\n")}`;

function totalsTable(what: string, totals: ReadonlyMap<string, Totals>): string {
  const head = [what, "tasks", "passed", "rate", "tokens", "cost USD", "calls", "tool calls", "s a task"];
  const rows = [...totals].map(([name, sum]) => [
    name,
    String(sum.tasks),
    String(sum.passed),
    `${Math.round((sum.passed * 100) / sum.tasks)} %`,
    String(sum.tokens),
    (sum.cost_micros / 1_000_000).toFixed(4),
    String(sum.calls),
    String(sum.steps),
    (sum.seconds / sum.tasks).toFixed(1),
  ]);
  return table(head, rows);
}

function brokenSection(broken: readonly BrokenOutcome[]): string {
  const wrong = broken.filter(({ status }) => status === "wrong");
  const skipped = broken.filter(({ status }) => status === "skipped").length;
  const lines = [
    `${broken.length - wrong.length - skipped} of ${broken.length} were rejected by the grader that is there for them${skipped === 0 ? "" : `, ${skipped} could not be played here`}.`,
  ];
  for (const { task, broken: one, failures } of wrong)
    lines.push(
      `- **${task.id}**, "${one.name}": to be rejected by "${one.rejectedBy}"; ${
        failures.length === 0 ? "it passed" : failures.map(({ grader, reason }) => `${grader}: ${reason}`).join("; ")
      }`,
    );
  return section("Broken minds", lines);
}

function driftSection({ drift, tolerance, minds }: Report): string {
  const moved = drift
    .filter(({ percent }) => percent !== 0)
    .toSorted((a, b) => Math.abs(b.percent) - Math.abs(a.percent));
  const beyond = moved.filter((one) => one.beyond);
  const shown = beyond.length > 0 ? beyond : moved.slice(0, 3);
  const lines = [
    `Against the baseline of ${minds}: ${beyond.length} of ${drift.length} figures are off by more than ${tolerance} %.`,
  ];
  if (shown.length > 0)
    lines.push(
      "",
      table(
        ["task", "unit", "before", "now", "drift"],
        shown.map(({ task, unit, before, now, percent }) => [
          task,
          unit,
          String(before),
          String(now),
          `${percent > 0 ? "+" : ""}${percent.toFixed(2)} %`,
        ]),
      ),
    );
  return section("Drift", lines);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** The same for programs. */
export function reportAsJson(report: Report): Record<string, unknown> {
  return {
    minds: report.minds,
    passed: faultsOf(report).length === 0,
    faults: faultsOf(report),
    seconds: Math.round(report.seconds),
    audited: report.audited,
    roles: Object.fromEntries(totalsBy(report.outcomes, "role")),
    kinds: Object.fromEntries(totalsBy(report.outcomes, "kind")),
    models: Object.fromEntries(totalsByModel(report.outcomes)),
    tasks: report.outcomes.map((outcome) => ({
      id: outcome.task.id,
      role: outcome.task.role,
      kind: outcome.task.kind,
      status: outcome.status,
      ...(outcome.status === "skipped"
        ? { reason: outcome.reason }
        : { failures: outcome.failures, ...outcome.measured }),
    })),
    broken: report.broken.map(({ task, broken, status, failures }) => ({
      task: task.id,
      name: broken.name,
      rejected_by: broken.rejectedBy,
      status,
      failures,
    })),
    drift: report.drift,
  };
}
