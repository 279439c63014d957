import { Group, Stack, Text } from "@mantine/core";
import { OperationButton } from "../../forms/operation-button.tsx";
import { BudgetBars } from "../../parts/budget-bars.tsx";
import { More } from "../../parts/more.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";
import { SetBudget } from "./budget-of.tsx";

/** Units whose runs have a budget, and what is left of it. */
export function Budgets() {
  const may = useMay();
  const query = $api.useInfiniteQuery("get", "/budgets", { params: { query: { limit: 50 } } }, byCursor);
  return (
    <Section
      title="Budgets of units"
      actions={
        may("budget:update") ? (
          <OperationButton
            label="Set a budget"
            title="Budget of a unit"
            explanation="For all runs at the unit and below it together."
            operation="budget.set"
            submitLabel="Set the budget"
            button={{ size: "xs", variant: "default" }}
          />
        ) : null
      }
    >
      <Loaded query={query} lines={3}>
        {({ pages }) => {
          const budgets = pages.flatMap(({ data }) => data);
          if (budgets.length === 0)
            return (
              <Text size="sm" c="dimmed">
                No unit has a budget. Runs are bound by their own alone.
              </Text>
            );
          return (
            <Stack gap="lg">
              {budgets.map((budget) => (
                <div key={budget.ou_id}>
                  <Group justify="space-between" mb="xs" wrap="nowrap">
                    <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
                      {budget.ou_path}
                    </Text>
                    <SetBudget ouId={budget.ou_id} path={budget.ou_path} budget={budget} />
                  </Group>
                  <BudgetBars budget={budget} />
                </div>
              ))}
            </Stack>
          );
        }}
      </Loaded>
      <More query={query} />
    </Section>
  );
}
