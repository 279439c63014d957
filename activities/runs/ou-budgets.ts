import { worstRates } from "../../claude/prices.ts";
import type { Sql, Tx } from "../../db/database.ts";
import { type RunRow, runSelect } from "../../db/queries/runs.ts";

/**
 * Holds what a tree of runs may spend at every OU above it that has a budget, or nothing at all: in one transaction, with
 * the rows locked root first. What is held cannot be held by another run, so a department that starts a hundred runs at
 * once spends no more than its budget.
 * @returns why not, when one of them has too little left
 */
export async function holdBudget(tx: Tx, run: RunRow): Promise<string | undefined> {
  const wanted = heldBy(run, await modelsOf(tx, run));
  const { budgets, short } = await lockBudgets(tx, run, wanted);
  if (short !== undefined) return short;
  for (const { ou_id } of budgets) {
    await tx.run(
      `insert into ou_budget_holds (organisation_id, ou_id, root_run_id, tokens, cost_micros) values ($1, $2, $3, $4, $5)`,
      [tx.organisationId, ou_id, run.id, wanted.tokens, wanted.costMicros],
    );
    await addHeld(tx, ou_id, wanted);
  }
  return undefined;
}

/**
 * Holds still more for a tree of runs, at every OU that holds something for it already, or nothing at all.
 * @returns why not, when one of them has too little left
 */
export async function holdMore(
  tx: Tx,
  run: RunRow,
  more: { tokens?: number; costMicros?: number },
): Promise<string | undefined> {
  const models = await modelsOf(tx, run);
  const tokens = more.tokens ?? 0;
  // A limit on cost of its own is what is held of cost; without one, the tokens at the dearest rate are.
  const costMicros = run.budget.cost_micros === undefined ? atDearest(tokens, models) : (more.costMicros ?? 0);
  const { budgets, short } = await lockBudgets(tx, run, { tokens, costMicros });
  if (short !== undefined) return short;
  for (const { ou_id } of budgets) {
    const held = await tx.run(
      `update ou_budget_holds set tokens = tokens + $3, cost_micros = cost_micros + $4
        where ou_id = $1 and root_run_id = $2 and released_at is null`,
      [ou_id, run.id, tokens, costMicros],
    );
    if (held > 0) await addHeld(tx, ou_id, { tokens, costMicros });
  }
  return undefined;
}

interface Held {
  tokens: number;
  costMicros: number;
}

/** The budgets of the OUs above a run, locked root first, and the first that has less left than is wanted. */
async function lockBudgets(
  tx: Tx,
  run: RunRow,
  { tokens, costMicros }: Held,
): Promise<{ budgets: { ou_id: string }[]; short?: string }> {
  const locked = () =>
    tx.rows<{
      ou_id: string;
      path: string;
      tokens_left: string | null;
      cost_left: string | null;
      counts_earlier_runs: boolean;
    }>(
      `select b.ou_id, o.path, b.tokens_limit - b.tokens_used - b.tokens_held as tokens_left,
              b.cost_micros_limit - b.cost_micros_used - b.cost_micros_held as cost_left, b.counts_earlier_runs
         from ou_budgets b join ous o on o.id = b.ou_id
        where b.ou_id = any ($1) order by cardinality(o.ancestors) for update of b`,
      [run.ou_ancestors],
    );
  let budgets = await locked();
  const fresh = budgets.filter((budget) => !budget.counts_earlier_runs);
  for (const { ou_id } of fresh) await holdForEarlierRuns(tx, ou_id);
  if (fresh.length > 0) budgets = await locked();
  for (const { path, tokens_left, cost_left } of budgets) {
    if (tokens_left !== null && tokens > Number(tokens_left))
      return {
        budgets,
        short: `The budget of \`${path}\` has ${tokens_left} tokens left, and this run may need ${tokens}. Start it with a smaller budget, or have that one raised.`,
      };
    if (cost_left !== null && costMicros > Number(cost_left))
      return {
        budgets,
        short: `The budget of \`${path}\` has $${dollars(Number(cost_left))} left, and this run may need $${dollars(costMicros)}. Start it with a smaller budget, or have that one raised.`,
      };
  }
  return { budgets };
}

/**
 * A budget that was set while runs went on below it: what they may spend was not held there, and is from now on, whether or
 * not it fits. The caller has locked the budget, so a run that ends meanwhile gives back what was held for it here, or has
 * ended and is not found.
 */
async function holdForEarlierRuns(tx: Tx, ouId: string): Promise<void> {
  const runs = await tx.rows<RunRow>(
    `${runSelect}
      where r.parent_run_id is null and r.completed_at is null and r.status <> 'received' and $1 = any (o.ancestors)
        and not exists (select from ou_budget_holds h where h.ou_id = $1 and h.root_run_id = r.id)`,
    [ouId],
  );
  for (const run of runs) {
    const held = heldBy(run, await modelsOf(tx, run));
    await tx.run(
      `insert into ou_budget_holds (organisation_id, ou_id, root_run_id, tokens, cost_micros) values ($1, $2, $3, $4, $5)`,
      [tx.organisationId, ouId, run.id, held.tokens, held.costMicros],
    );
    await addHeld(tx, ouId, held);
  }
  await tx.run("update ou_budgets set counts_earlier_runs = true where ou_id = $1", [ouId]);
}

function addHeld(tx: Tx, ouId: string, { tokens, costMicros }: Held): Promise<number> {
  return tx.run(
    "update ou_budgets set tokens_held = tokens_held + $2, cost_micros_held = cost_micros_held + $3 where ou_id = $1",
    [ouId, tokens, costMicros],
  );
}

/**
 * Turns what a tree of runs has held into what it has used, once: at every OU above that has a budget by now, also where
 * none was set when the run began.
 */
export async function releaseBudget(tx: Tx, run: RunRow, now: Date): Promise<void> {
  const used = await spentByTree(tx, run.id);
  // Locked root first, as when it was held: two trees that end at once do not wait for each other.
  await tx.rows(
    `select from ou_budgets b join ous o on o.id = b.ou_id where b.ou_id = any ($1)
      order by cardinality(o.ancestors) for update of b`,
    [run.ou_ancestors],
  );
  await tx.run(
    `insert into ou_budget_holds (organisation_id, ou_id, root_run_id, tokens, cost_micros)
     select organisation_id, ou_id, $2, 0, 0 from ou_budgets where ou_id = any ($1) on conflict do nothing`,
    [run.ou_ancestors, run.id],
  );
  const holds = await tx.rows<{ ou_id: string; tokens: string; cost_micros: string }>(
    `update ou_budget_holds set released_at = $2 where root_run_id = $1 and released_at is null
     returning ou_id, tokens, cost_micros`,
    [run.id, now],
  );
  for (const hold of holds)
    await tx.run(
      `update ou_budgets set tokens_held = tokens_held - $2, cost_micros_held = cost_micros_held - $3,
         tokens_used = tokens_used + $4, cost_micros_used = cost_micros_used + $5 where ou_id = $1`,
      [hold.ou_id, hold.tokens, hold.cost_micros, used.tokens, used.costMicros],
    );
}

/** What a run and all below it have spent so far. */
async function spentByTree(
  sql: Sql,
  rootRunId: string,
): Promise<{ tokens: number; costMicros: number; calls: number }> {
  const row = await sql.maybe<{ tokens: string; cost: string; calls: string }>(
    `select coalesce(sum(tokens_total), 0) as tokens, coalesce(sum(cost_micros_total), 0) as cost,
            coalesce(sum(calls_total), 0) as calls from agent_runs where root_run_id = $1`,
    [rootRunId],
  );
  return { tokens: Number(row?.tokens ?? 0), costMicros: Number(row?.cost ?? 0), calls: Number(row?.calls ?? 0) };
}

/** Every model that an agent of the tree may be bound to. */
async function modelsOf(tx: Tx, run: RunRow): Promise<string[]> {
  const rows = await tx.rows<{ model: string }>(
    `select distinct b.value as model from agent_definitions d, jsonb_each_text(d.document -> 'role_bindings') b
      where d.id = any ($1::uuid[])`,
    [Object.values(run.pinned)],
  );
  return [run.model_id, ...Object.values(run.models), ...rows.map(({ model }) => model)];
}

/** Without a limit on cost of its own, a run's tokens at the dearest rate of all these models. */
function heldBy(run: RunRow, models: readonly string[]): Held {
  const tokens = run.budget.tokens ?? 0;
  return { tokens, costMicros: run.budget.cost_micros ?? atDearest(tokens, models) };
}

function atDearest(tokens: number, models: readonly string[]): number {
  const dearest = Math.max(...models.map((model) => Math.max(worstRates(model).input, worstRates(model).output)));
  return Math.ceil((tokens * dearest) / 1_000_000);
}

function dollars(micros: number): string {
  return (micros / 1_000_000).toFixed(2);
}
