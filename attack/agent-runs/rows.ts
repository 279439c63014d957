import type { Client } from "pg";
import { changesBetween, type World } from "../agent/effects.ts";
import { type Definition, lists } from "./definitions.ts";
import type { Played } from "./play.ts";
import type { RunScene } from "./scene.ts";
import { carriedOut, type Step } from "./steps.ts";
import { faultsOfTrees, type RunRow, runsOf } from "./trees.ts";

/** What a run itself writes down as it goes. */
const ofRuns = new Set([
  "agent_steps",
  "run_messages",
  "run_files",
  "run_events",
  "leases",
  "lease_uses",
  "run_tools",
  "ou_budget_holds",
  // Its person has it go on.
  "run_commands",
  "console_sessions",
]);

interface Effect {
  id: string;
  operation: string;
  target: string;
  sub: string;
  act: string;
  ou: string;
  at: Date;
}

const tableOf: Readonly<Record<string, { table: string; permission: string }>> = {
  "agent.create": { table: "agents", permission: "agent:create" },
  "agent.attach_skill": { table: "agent_skills", permission: "agent:attach_skill" },
};

/** Every row that is new or changed or gone must be of the attack's own runs, or what a recorded operation of them made. */
export async function faultsOfRows(
  scene: RunScene,
  of: {
    before: World;
    after: World;
    played: readonly Played[];
    definitions: ReadonlyMap<string, Definition>;
    steps: readonly Step[];
  },
): Promise<{ faults: string[]; effects: number }> {
  const { sql, home } = scene;
  const { played, definitions, steps } = of;
  const runs = await runsOf(sql, played);
  const faults = [...faultsOfTrees(runs, played, definitions)];
  const { made, gone } = changesBetween(of.before, of.after);
  const { rows: effects } = await sql.query<Effect>(
    `select entry ->> 'id' as id, entry ->> 'operation' as operation, entry ->> 'target' as target, entry ->> 'sub' as sub,
            entry ->> 'act' as act, entry ->> 'ou' as ou, at
       from control_plane_audit where organisation_id = $1 and entry ->> 'outcome' = 'applied'
        and entry ->> 'act' = any ($2) and entry ->> 'operation' not like 'run.%' order by position`,
    [home.organisationId, [...runs.keys()].map((id) => `run:${id}`)],
  );
  const bindings = [...of.before.values()].flatMap(({ table, row }) => (table === "bindings" ? [row] : []));
  for (const effect of effects)
    faults.push(...(await faultsOfEffect(sql, effect, { runs, definitions, bindings, played })));

  const expected = (table: string) => effects.filter(({ operation }) => tableOf[operation]?.table === table).length;
  const touched = new Set(effects.map(({ target }) => target.replace(/^(agent|attachment):/, "").slice(0, 36)));
  const madeOf = (table: string) => made.filter((one) => one.table === table);
  const newAgents = madeOf("agents").filter(
    ({ row }) => !gone.some((old) => old.table === "agents" && old.row["id"] === row["id"]),
  );
  if (newAgents.length !== expected("agents"))
    faults.push(`${newAgents.length} agents were made, and ${expected("agents")} are on record`);
  for (const { table, row } of [...made, ...gone])
    if (!isExpected(table, row, { runs, touched, definitions, played }))
      faults.push(`a row of ${table} is changed: ${JSON.stringify(row).slice(0, 300)}`);
  faults.push(...(await unrecorded(sql, home.organisationId, steps)));
  return { faults, effects: effects.length };
}

function isExpected(
  table: string,
  row: Record<string, unknown>,
  of: {
    runs: ReadonlyMap<string, RunRow>;
    touched: ReadonlySet<string>;
    definitions: ReadonlyMap<string, Definition>;
    played: readonly Played[];
  },
): boolean {
  const text = (name: string) => String(row[name]);
  const revoked = of.played.filter(({ revoked: taken }) => taken !== undefined).map(({ starter }) => starter.person.id);
  switch (table) {
    case "agents":
      return of.touched.has(text("id"));
    case "agent_skills":
      return of.touched.has(text("agent_id"));
    // Pinned when an organisation's first run of it starts.
    case "agent_definitions":
      return of.definitions.has(text("name"));
    case "bindings":
      return revoked.includes(text("user_id"));
    case "authority_versions":
      return revoked.length > 0;
    case "agent_runs":
      return of.runs.has(text("id"));
    default:
      return ofRuns.has(table) && of.runs.has(text("run_id" in row ? "run_id" : "root_run_id"));
  }
}

/** An operation of a run is one that its agent's definition lists and a binding of its person allows there. */
async function faultsOfEffect(
  sql: Client,
  effect: Effect,
  of: {
    runs: ReadonlyMap<string, RunRow>;
    definitions: ReadonlyMap<string, Definition>;
    /** As they stood at the beginning. */
    bindings: readonly Record<string, unknown>[];
    played: readonly Played[];
  },
): Promise<string[]> {
  const { runs, definitions, bindings, played } = of;
  const run = runs.get(effect.act.replace(/^run:/, "")) as RunRow;
  const definition = definitions.get(run.agent) as Definition;
  const what = `${effect.operation} of ${effect.target} by ${run.agent}`;
  const known = tableOf[effect.operation];
  if (known === undefined || !lists(definition, effect.operation.replaceAll(".", "_"), {}))
    return [`${what}: its definition does not list it`];
  if (effect.sub !== run.requester) return [`${what}: it is recorded for somebody else`];
  const { revoked } = played.find(({ id }) => id === run.root) as Played;
  // One that the API had let in by then is applied a moment later.
  if (revoked !== undefined && effect.at > revoked.to) return [`${what}: its person's roles were taken away before`];
  const { rows } = await sql.query(
    `select from ous o
       join jsonb_to_recordset($4) as b(ou_id uuid, user_id uuid, role text)
         on b.ou_id = any (o.ancestors) and b.user_id = $1
       join roles r on r.name = b.role and $2 = any (r.permissions) where o.path = $3`,
    [effect.sub, known.permission, effect.ou, JSON.stringify(bindings)],
  );
  return rows.length === 0 ? [`${what}: no binding gives ${known.permission} at ${effect.ou}`] : [];
}

/** Every call has its entry, and says what came of it. */
async function unrecorded(sql: Client, organisationId: string, steps: readonly Step[]): Promise<string[]> {
  const { rows } = await sql.query<{ id: string; outcome: string }>(
    `select entry ->> 'id' as id, entry ->> 'outcome' as outcome from control_plane_audit
      where organisation_id = $1 and entry ->> 'operation' = 'run.step'`,
    [organisationId],
  );
  const recorded = new Map(rows.map(({ id, outcome }) => [id, outcome]));
  return steps.flatMap((step) => {
    // A subagent's run has entries of its own.
    if (step.child_run_id !== null) return [];
    const outcome = recorded.get(`${step.run_id}/${step.step_id}`);
    const right = carriedOut(step) ? outcome === "applied" || outcome === "failed" : outcome === "refused";
    return right ? [] : [`${step.tool_name} (${step.status}) is recorded as ${outcome ?? "nothing"}`];
  });
}
