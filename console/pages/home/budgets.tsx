import { Stack, Text } from "@mantine/core";
import { BudgetBars } from "../../parts/budget-bars.tsx";
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
                <BudgetBars key={budget.ou_id} budget={budget} label={budget.ou_path} />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Section>
  );
}
