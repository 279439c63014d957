import type { Sql } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import type { RunDeps } from "./deps.ts";

// What a tree of runs is offered never changes after its start, so it is read once. Bounded: there may be many trees, and
// servers with much to say.
const known = new Map<string, { specs: readonly ToolSpec[]; bytes: number }>();
const most = 500;
const mostBytes = 64 * 1024 * 1024;
let bytesKnown = 0;

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
  if (cached !== undefined) return [...deps.tools, ...cached.specs];
  const [started, rows] = await Promise.all([
    sql.maybe("select from agent_runs where id = $1 and started_at is not null", [run.root_run_id]),
    sql.rows<{ spec: ToolSpec; bytes: number }>(
      "select spec, octet_length(spec::text) as bytes from run_tools where root_run_id = $1 order by name",
      [run.root_run_id],
    ),
  ]);
  const specs = rows.map(({ spec }) => spec);
  if (started !== undefined) {
    keep(
      run.root_run_id,
      specs,
      rows.reduce((sum, { bytes }) => sum + bytes, 0),
    );
  }
  return [...deps.tools, ...specs];
}

function keep(rootRunId: string, specs: readonly ToolSpec[], bytes: number): void {
  if (known.has(rootRunId)) return;
  known.set(rootRunId, { specs, bytes });
  bytesKnown += bytes;
  for (const [oldest, { bytes: freed }] of known) {
    if (known.size <= most && bytesKnown <= mostBytes) break;
    known.delete(oldest);
    bytesKnown -= freed;
  }
}
