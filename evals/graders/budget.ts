import { type Evidence, type ExportedRun, eventsOf } from "../evidence.ts";
import { type Grader, rejectFor } from "../task.ts";

/**
 * At no level of the tree is more used than that level may use; what a run has used includes what those below it have. A
 * minute and a half on top of the time is for the call under way: time is looked at before each call.
 */
export const withinBudget: Grader = {
  name: "within budget",
  grade: ({ runs }) => rejectFor(runs.flatMap((run) => [...overruns(run), ...unaccounted(run, runs)])),
};

const graceMs = 90_000;

function overruns({ agent, used, budget, started_at: from, completed_at: to }: ExportedRun): string[] {
  const cost = budget.cost_usd === undefined ? undefined : Math.round(budget.cost_usd * 1_000_000);
  const wall = from === null || to === null ? 0 : Date.parse(to) - Date.parse(from);
  const over = (unit: string, amount: number, cap: number | undefined) =>
    cap === undefined || amount <= cap ? [] : [`${agent} used ${amount} of ${cap} ${unit}`];
  return [
    ...over("tokens", used.tokens, budget.tokens),
    ...over("cost_micros", used.cost_micros, cost),
    ...over("calls", used.calls, budget.calls),
    ...over("ms", wall, budget.wall_seconds === undefined ? undefined : budget.wall_seconds * 1000 + graceMs),
  ];
}

function unaccounted(run: ExportedRun, runs: readonly ExportedRun[]): string[] {
  const below = runs.filter(({ parent_run_id: parent }) => parent === run.id).map(({ used }) => used);
  const sum = below.reduce((total, { tokens }) => total + tokens, 0);
  return sum <= run.used.tokens ? [] : [`${run.agent} counts ${run.used.tokens} tokens, and its subagents ${sum}`];
}

/** This agent was stopped, and by this rule. */
export function stoppedBy(rule: string, agent: string): Grader {
  return {
    name: "stopped for the right reason",
    scriptedOnly: true,
    grade: ({ runs }) => {
      const one = runs.find((run) => run.agent === agent);
      if (one === undefined) return rejectFor([`there is no run of ${agent}`]);
      return rejectFor(
        one.status === "stopped" && one.reason?.rule === rule
          ? []
          : [`${agent} ended ${one.status} (${one.reason?.rule ?? "no rule"}), not stopped (${rule})`],
      );
    },
  };
}

/** So much of this unit is used up, and somebody was told before. */
export function warnsAt(...percents: number[]): Grader {
  return {
    name: "budget warning",
    scriptedOnly: true,
    grade: (evidence) => {
      const told = warningsIn(evidence);
      return rejectFor(
        percents.filter((percent) => !told.includes(percent)).map((percent) => `nobody was told at ${percent} %`),
      );
    },
  };
}

function warningsIn(evidence: Pick<Evidence, "runs">): number[] {
  return eventsOf(evidence)
    .filter(({ type }) => type === "budget_warning")
    .map(({ payload }) => Number(payload["percent"]));
}
