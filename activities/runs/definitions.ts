import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { Sql } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";

// A stored definition never changes, so it is read and parsed once. Bounded: organisations may have many.
const known = new Map<string, AgentDefinition>();
const most = 500;

/** The definition a run has pinned. */
export async function definitionOf(sql: Sql, run: Pick<RunRow, "definition_id">): Promise<AgentDefinition> {
  const cached = known.get(run.definition_id);
  if (cached !== undefined) return cached;
  const row = await sql.maybe<{ document: AgentDefinition }>("select document from agent_definitions where id = $1", [
    run.definition_id,
  ]);
  if (row === undefined) throw new Error(`no definition ${run.definition_id}`);
  if (known.size >= most) known.delete(known.keys().next().value ?? "");
  known.set(run.definition_id, row.document);
  return row.document;
}

/** The definition of another agent of the same tree, in the version pinned at its start. */
export async function definitionByName(
  sql: Sql,
  run: Pick<RunRow, "pinned">,
  name: string,
): Promise<AgentDefinition | undefined> {
  const id = run.pinned[name];
  return id === undefined ? undefined : definitionOf(sql, { definition_id: id });
}
