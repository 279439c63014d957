import { Grid } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { useMay } from "../../wire/rights.ts";
import { useOus } from "../../wire/use-ous.ts";
import { Ou } from "./ou.tsx";
import { OuTree } from "./ou-tree.tsx";

/** The units of the organisation as a tree, and one of them with who holds what there, its agents and its budget. */
export function Ous() {
  const { ouId } = useParams({ strict: false });
  const may = useMay();
  const navigate = useNavigate();
  const { query, ous } = useOus();
  const chosen = ous.find(({ id }) => id === ouId);
  return (
    <Page
      title="Units"
      subtitle="Organisational units: roles, policies and budgets of one count in all below it"
      actions={
        may("ou:create") ? (
          <OperationButton
            label="New unit"
            title="New unit"
            operation="ou.create"
            submitLabel="Create the unit"
            initial={chosen === undefined ? {} : { parent: chosen.path }}
            onApplied={({ id }) => void navigate({ to: `/ous/${String(id)}` })}
          />
        ) : null
      }
    >
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 4 }}>
          <Section title="All units">
            <Loaded query={query}>
              {() => (ous.length === 0 ? <Empty title="You may see no unit" /> : <OuTree ous={ous} current={ouId} />)}
            </Loaded>
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 8 }}>
          {ouId === undefined ? (
            <Empty title="Choose a unit">Its people, agents and budget are shown here.</Empty>
          ) : (
            <Ou key={ouId} ouId={ouId} />
          )}
        </Grid.Col>
      </Grid>
    </Page>
  );
}
