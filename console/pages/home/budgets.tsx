import { Stack, Text } from "@mantine/core";
import { BudgetBar } from "../../parts/budget-bar.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";

/** What the runs of each OU have used of its budget. */
export function Budgets() {
  const query = $api.useQuery("get", "/budgets", { params: { query: { limit: 20 } } });
  return (
    <Section title="Budgets">
      <Loaded query={query} lines={3}>
        {({ data }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              No unit has a budget. Runs are bound by their own alone.
            </Text>
          ) : (
            <Stack gap="sm">
              {data.map((budget) => (
                <Stack gap={6} key={budget.ou_id}>
                  {budget.tokens_limit === null ? null : (
                    <BudgetBar
                      label={budget.ou_path}
                      used={budget.tokens_used}
                      held={budget.tokens_held}
                      limit={budget.tokens_limit}
                      unit="tokens"
                    />
                  )}
                  {budget.cost_usd_limit === null ? null : (
                    <BudgetBar
                      label={budget.ou_path}
                      used={budget.cost_usd_used}
                      held={budget.cost_usd_held}
                      limit={budget.cost_usd_limit}
                      unit="USD"
                    />
                  )}
                </Stack>
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Section>
  );
}
