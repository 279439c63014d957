import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";
import { raceForApprovals } from "./approvals.ts";
import { raceForBudgets } from "./budgets.ts";
import { raceForLeases } from "./leases.ts";

/** Many at the same instant, over one approval request, the calls of a lease, the budgets of OUs: one outcome, never more than there is. */
export async function attackRaces(arena: Arena, effort: Effort): Promise<Report> {
  const reports = [
    await raceForApprovals(arena, effort),
    await raceForLeases(arena, effort),
    await raceForBudgets(arena, effort),
  ];
  return {
    tallies: reports.flatMap(({ tallies }) => tallies),
    violations: reports.flatMap(({ violations }) => violations),
  };
}
