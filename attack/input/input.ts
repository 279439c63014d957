import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";
import { attackRoutes } from "./requests.ts";

/** What nobody in their right mind sends: each gets an answer that says what would be valid, and costs nobody else anything. */
export async function attackInput(arena: Arena, effort: Effort): Promise<Report> {
  const reports = [await attackRoutes(arena, effort)];
  return {
    tallies: reports.flatMap(({ tallies }) => tallies),
    violations: reports.flatMap(({ violations }) => violations),
  };
}
