import type { BudgetAlert } from "../../budget/tree.ts";
import type { Gate } from "../outcomes.ts";

/** Passes on the alerts of the budget (design §9): they change nothing by themselves. */
export const lowBudgetAlert: Gate<{ alerts: readonly BudgetAlert[] }> = {
  name: "low-budget-alert",
  check: ({ alerts }) =>
    alerts.length === 0 ? { kind: "pass" } : { kind: "note", event: { type: "budget_warning", alerts } },
};
