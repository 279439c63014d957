import { Text } from "@mantine/core";
import { OperationButton } from "../../forms/operation-button.tsx";
import { BudgetBars } from "../../parts/budget-bars.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";

type OuBudget = Shown["OuBudget"];

/** What the runs at a unit and below may use, and have used. */
export function BudgetOf({ ou }: { ou: Shown["Ou"] }) {
  const query = $api.useQuery("get", "/budgets", { params: { query: { ou: ou.path, limit: 200 } } });
  const own = query.data?.data.find(({ ou_id: id }) => id === ou.id);
  return (
    <Section
      title="Budget"
      actions={query.data === undefined ? null : <SetBudget ouId={ou.id} path={ou.path} budget={own} />}
    >
      <Loaded query={query} lines={2}>
        {() =>
          own === undefined ? (
            <Text size="sm" c="dimmed">
              It has no budget of its own. Runs here are bound by their own, and by those of the units above.
            </Text>
          ) : (
            <BudgetBars budget={own} />
          )
        }
      </Loaded>
    </Section>
  );
}

/** Sets, raises or takes away the budget of a unit. */
export function SetBudget({ ouId, path, budget }: { ouId: string; path: string; budget: OuBudget | undefined }) {
  const may = useMay();
  if (!may("budget:update", path)) return null;
  return (
    <OperationButton
      label={budget === undefined ? "Set a budget" : "Change"}
      accessibleLabel={budget === undefined ? `Set a budget of ${path}` : `Change the budget of ${path}`}
      title={`Budget of ${path}`}
      explanation="An empty field is no limit."
      operation="budget.set"
      submitLabel="Set the budget"
      fixed={{ ou_id: ouId }}
      initial={{ tokens_limit: budget?.tokens_limit ?? null, cost_usd_limit: budget?.cost_usd_limit ?? null }}
      button={{ size: "xs", variant: "default" }}
      {...(budget === undefined ? {} : { ifMatch: `"${budget.version}"` })}
    />
  );
}
