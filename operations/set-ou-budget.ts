import { z } from "zod";
import { ouBudgetView } from "../contracts/governance.ts";
import { PowerloomError } from "../core/errors.ts";
import { findOuBudget, type OuBudgetRow, ouBudgetToView } from "../db/queries/governance.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu, requireVersion } from "./lookups.ts";

export const setOuBudget = defineOperation({
  name: "budget.set",
  summary: "Limit what the runs of an OU and those below it may use, all together",
  permission: "budget:update",
  risk: "high",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/ous/:ou_id/budget", status: 200 },
  command: "budgets set",
  readPermission: "budget:read",
  input: z.object({
    ou_id: z.uuid(),
    tokens_limit: z
      .int()
      .min(0)
      .max(1_000_000_000_000)
      .nullable()
      .optional()
      .describe("Prompt and answer together; null takes the limit away; left out, it stays as it is"),
    cost_usd_limit: z
      .number()
      .min(0)
      .max(1_000_000_000)
      .nullable()
      .optional()
      .describe("In USD; null takes the limit away; left out, it stays as it is"),
  }),
  output: ouBudgetView,

  async preview(context, { ou_id, tokens_limit, cost_usd_limit }) {
    const ou = await requireOu(context.tx, ou_id, "ou_id");
    await context.authorise(ou);
    const row = (await findOuBudget(context.tx, ou.id, "lock")) ?? { ...unlimited, id: ou.id, ou_path: ou.path };
    requireVersion(context, row.version);
    const current = ouBudgetToView(row);
    const before = { tokens_limit: current.tokens_limit, cost_usd_limit: current.cost_usd_limit };
    const cost = cost_usd_limit === undefined ? before.cost_usd_limit : cost_usd_limit;
    const after = {
      tokens_limit: tokens_limit === undefined ? before.tokens_limit : tokens_limit,
      // To the millionth, as it is kept.
      cost_usd_limit: cost === null ? null : micros(cost) / 1_000_000,
    };
    if (JSON.stringify(before) === JSON.stringify(after))
      throw new PowerloomError("invalid_input", "Nothing would change: name at least one limit with a new value.");
    return {
      ou,
      target: { type: "ou_budget", id: ou.id },
      targetVersion: row.version,
      plan: { ...after, version: row.version },
      before,
      after,
      // What is used changes with every run: it is shown, but an approval must not become stale by it.
      summary: `Set the budget of ${ou.path} to ${limits(after)}. ${soFar(current)}${tooLittle(after, current)}`,
    };
  },

  async apply({ tx }, _input, { ou, plan }) {
    const changed = await tx.run(
      `insert into ou_budgets (organisation_id, ou_id, tokens_limit, cost_micros_limit) values ($1, $2, $3, $4)
       on conflict (organisation_id, ou_id) do update set tokens_limit = excluded.tokens_limit,
         cost_micros_limit = excluded.cost_micros_limit, version = ou_budgets.version + 1
       where ou_budgets.version = $5`,
      [
        tx.organisationId,
        ou.id,
        plan.tokens_limit,
        plan.cost_usd_limit === null ? null : micros(plan.cost_usd_limit),
        plan.version,
      ],
    );
    // Two who set the first limits at once: there was no row yet that the first could have locked.
    if (changed === 0)
      throw new PowerloomError("conflict", "Somebody else has just set this budget. Look at it again.");
    const row = await findOuBudget(tx, ou.id);
    if (row === undefined) throw new Error("the budget just set cannot be read");
    return { target: { type: "ou_budget", id: ou.id }, result: ouBudgetToView(row) };
  },
});

/** An OU without a budget: nothing is counted there before somebody sets one. */
const unlimited: Omit<OuBudgetRow, "id" | "ou_path"> = {
  tokens_limit: null,
  tokens_used: "0",
  tokens_held: "0",
  cost_micros_limit: null,
  cost_micros_used: "0",
  cost_micros_held: "0",
  version: 0,
};

type Budget = z.infer<typeof ouBudgetView>;
type Limits = Pick<Budget, "tokens_limit" | "cost_usd_limit">;

const micros = (usd: number): number => Math.round(usd * 1_000_000);

function limits({ tokens_limit, cost_usd_limit }: Limits): string {
  const tokens = tokens_limit === null ? "any number of tokens" : `${tokens_limit} tokens`;
  return `${tokens} and ${cost_usd_limit === null ? "any cost" : `$${cost_usd_limit}`}`;
}

function soFar({ tokens_used, tokens_held, cost_usd_used, cost_usd_held }: Budget): string {
  return `Used so far: ${tokens_used} tokens and $${cost_usd_used}; held by runs that go on: ${tokens_held} tokens and $${cost_usd_held}.`;
}

function tooLittle({ tokens_limit, cost_usd_limit }: Limits, budget: Budget): string {
  const below =
    (tokens_limit !== null && tokens_limit < budget.tokens_used + budget.tokens_held) ||
    (cost_usd_limit !== null && micros(cost_usd_limit) < micros(budget.cost_usd_used) + micros(budget.cost_usd_held));
  return below ? " That is more than the new limit: runs that go on are not stopped, but no new one starts." : "";
}
