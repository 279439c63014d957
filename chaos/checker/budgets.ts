import type { Evidence } from "./evidence.ts";
import type { Violation } from "./record.ts";

/** No tree of runs above its caps, no OU above its budget; nothing held by runs that are over. */
export function checkBudgets({ runs, budgets }: Evidence): Violation[] {
  const found: Violation[] = [];
  const over = (what: string, used: number, cap: number | undefined) => {
    if (cap !== undefined && used > cap) found.push({ kind: "over-budget", what: `${what}: ${used} of ${cap}` });
  };
  for (const [root, tree] of Map.groupBy(runs, ({ root_run_id }) => root_run_id)) {
    const budget = tree.find(({ id }) => id === root)?.budget;
    const sum = (field: "tokens" | "cost_micros" | "calls") => tree.reduce((all, run) => all + Number(run[field]), 0);
    over(`tokens of run ${root}`, sum("tokens"), budget?.tokens);
    over(`cost of run ${root}`, sum("cost_micros"), budget?.cost_micros);
    over(`calls of run ${root}`, sum("calls"), budget?.calls);
  }
  const open = runs.some(({ status }) => ["received", "running", "waiting", "paused"].includes(status));
  for (const { ou, ...row } of budgets) {
    over(`tokens of ${ou}`, Number(row.tokens_used) + Number(row.tokens_held), capOf(row.tokens_limit));
    over(`cost of ${ou}`, Number(row.cost_micros_used) + Number(row.cost_micros_held), capOf(row.cost_micros_limit));
    if (!open && (row.tokens_held !== "0" || row.cost_micros_held !== "0"))
      found.push({ kind: "stuck", what: `${row.tokens_held} tokens of ${ou} are held, and no run goes on` });
  }
  return found;
}

const capOf = (limit: string | null) => (limit === null ? undefined : Number(limit));
