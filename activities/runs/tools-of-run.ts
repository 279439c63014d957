import type { Sql } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import type { RunDeps } from "./deps.ts";

// What a tree of runs is offered never changes after its start, so it is read once. Bounded: there may be many trees.
const known = new Map<string, readonly ToolSpec[]>();
const most = 500;

/**
 * Every tool there is for the runs of one tree: those every run has, and those that its MCP servers listed when the tree
 * started. A definition names which of them its agent may use.
 */
export async function toolsOf(
  sql: Sql,
  deps: Pick<RunDeps, "tools">,
  run: Pick<RunRow, "root_run_id">,
): Promise<readonly ToolSpec[]> {
  const cached = known.get(run.root_run_id);
  if (cached !== undefined) return [...deps.tools, ...cached];
  const rows = await sql.rows<{ spec: ToolSpec }>("select spec from run_tools where root_run_id = $1 order by name", [
    run.root_run_id,
  ]);
  const specs = rows.map(({ spec }) => spec);
  const started = await sql.maybe("select from agent_runs where id = $1 and started_at is not null", [run.root_run_id]);
  if (started !== undefined) {
    if (known.size >= most) known.delete(known.keys().next().value ?? "");
    known.set(run.root_run_id, specs);
  }
  return [...deps.tools, ...specs];
}
