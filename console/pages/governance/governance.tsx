import { Page } from "../../parts/page.tsx";
import { useMay } from "../../wire/rights.ts";
import { Budgets } from "./budgets.tsx";
import { Elevations } from "./elevations.tsx";
import { Mode } from "./mode.tsx";

/** What bounds the runs of agents: the organisation's mode, what may be repeated without asking, and budgets of units. */
export function Governance() {
  const may = useMay();
  return (
    <Page title="Governance" subtitle="What agents in runs may do without asking, and how much they may use">
      <Mode />
      <Elevations />
      {may("budget:read") ? <Budgets /> : null}
    </Page>
  );
}
