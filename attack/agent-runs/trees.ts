import type { Client } from "pg";
import type { Definition } from "./definitions.ts";
import { budget, type Played } from "./play.ts";

/** A run of the attack, or one below it. */
export interface RunRow {
  id: string;
  parent: string | null;
  root: string;
  agent: string;
  requester: string;
  ou: string;
  model: string;
  tokens: string;
  calls: number;
  budget: { tokens?: number; calls?: number };
}

export async function runsOf(sql: Client, played: readonly Played[]): Promise<ReadonlyMap<string, RunRow>> {
  const { rows } = await sql.query<RunRow>(
    `select r.id, r.parent_run_id as parent, r.root_run_id as root, r.agent_id as agent, r.requester_id as requester,
            o.path as ou, r.model_id as model, r.tokens_total as tokens, r.calls_total as calls, r.budget
       from agent_runs r join ous o on o.id = r.ou_id where r.root_run_id = any ($1)`,
    [played.map(({ id }) => id)],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Subagents are whom the definition above names, for the same person, at the same place, with the same model and no more budget. */
export function faultsOfTrees(
  runs: ReadonlyMap<string, RunRow>,
  played: readonly Played[],
  definitions: ReadonlyMap<string, Definition>,
): string[] {
  const faults: string[] = [];
  for (const run of runs.values()) {
    const root = runs.get(run.root) as RunRow;
    const above = run.parent === null ? undefined : runs.get(run.parent);
    const say = (what: string) => faults.push(`run ${run.id} of ${run.agent} ${what}`);
    if (above !== undefined) {
      if (definitions.get(above.agent)?.delegates.includes(run.agent) !== true) say(`was started by ${above.agent}`);
      if ((run.budget.tokens ?? Infinity) > (above.budget.tokens ?? Infinity))
        say("has a larger budget than the run above");
      if (run.requester !== above.requester || run.ou !== above.ou || run.model !== root.model)
        say("is for somebody else, elsewhere or of another model");
    } else if (!played.some(({ id }) => id === run.id)) say("was started by nobody");
    if (Number(run.tokens) > (run.budget.tokens ?? budget.tokens))
      say(`used ${run.tokens} tokens of ${run.budget.tokens}`);
    if (run.calls > (run.budget.calls ?? budget.calls)) say(`made ${run.calls} calls of ${run.budget.calls}`);
  }
  return faults;
}
