import { Stack, Text } from "@mantine/core";
import type { Shown } from "../wire/client.ts";
import { BudgetBar } from "./budget-bar.tsx";

/** Bars of one unit's budget: used, held for runs that go on, of how much. Named for what they count, unless named. */
export function BudgetBars({ budget, label }: { budget: Shown["OuBudget"]; label?: string }) {
  if (budget.tokens_limit === null && budget.cost_usd_limit === null)
    return (
      <Text size="sm" c="dimmed">
        No limit now. Used so far: {budget.tokens_used.toLocaleString("en")} tokens.
      </Text>
    );
  return (
    <Stack gap="sm">
      {budget.tokens_limit === null ? null : (
        <BudgetBar
          label={label ?? "Tokens"}
          used={budget.tokens_used}
          held={budget.tokens_held}
          limit={budget.tokens_limit}
          unit="tokens"
        />
      )}
      {budget.cost_usd_limit === null ? null : (
        <BudgetBar
          label={label ?? "Cost"}
          used={budget.cost_usd_used}
          held={budget.cost_usd_held}
          limit={budget.cost_usd_limit}
          unit="USD"
        />
      )}
    </Stack>
  );
}
