import { readFile, writeFile } from "node:fs/promises";
import type { Arena } from "../arena.ts";
import type { Effort, Report } from "../report.ts";
import { attackByTable } from "./hostile/table.ts";
import { attackRoutes } from "./requests.ts";
import { attackTools } from "./tools.ts";

export const tablePath = new URL("../../docs/hostile-input.md", import.meta.url);

/** What nobody in their right mind sends: each gets an answer that says what would be valid, and costs nobody else anything. */
export async function attackInput(arena: Arena, effort: Effort): Promise<Report> {
  const reports: Report[] = [await attackRoutes(arena, effort), await attackTools(arena, effort)];
  const written = await readFile(tablePath, "utf8").catch(() => "");
  const { table, ...byTable } = await attackByTable(arena, { long: true, written });
  await writeFile(tablePath, table);
  reports.push(byTable);
  return {
    tallies: reports.flatMap(({ tallies }) => tallies),
    violations: reports.flatMap(({ violations }) => violations),
  };
}
