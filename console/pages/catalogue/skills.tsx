import { Anchor } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Filters, NamedTextFilter, useFilters } from "../../parts/filters.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

const columns: readonly Column<Shown["Skill"]>[] = [
  {
    title: "Name",
    cell: ({ id, name }) => (
      <Anchor component={Link} to={`/skills/${id}`} size="sm" fw={550}>
        {name}
      </Anchor>
    ),
  },
  { title: "Description", cell: ({ description }) => description },
  { title: "Unit", cell: ({ ou_path: path }) => path },
  { title: "Version", cell: ({ latest_version: version }) => version, align: "right" },
  { title: "Made", cell: ({ created_at: at }) => <Moment at={at} />, align: "right" },
];

/** Skills that agents can be given. */
export function Skills() {
  const may = useMay();
  const navigate = useNavigate();
  const { search } = useFilters();
  const query = $api.useInfiniteQuery(
    "get",
    "/skills",
    { params: { query: { limit: 100, ...(search["q"] === undefined ? {} : { q: search["q"] }) } } },
    { ...byCursor, placeholderData: (before) => before },
  );
  return (
    <Page
      title="Skills"
      subtitle="Instructions in versions, which agents of a unit and those below it can be given"
      actions={
        may("skill:create") ? (
          <OperationButton
            label="New skill"
            title="New skill"
            operation="skill.create"
            submitLabel="Create the skill"
            onApplied={({ id }) => void navigate({ to: `/skills/${String(id)}` })}
          />
        ) : null
      }
    >
      <Filters>
        <NamedTextFilter name="q" label="Name or description contains" />
      </Filters>
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          return rows.length === 0 ? (
            <Empty title={search["q"] === undefined ? "There is no skill yet" : "No skill is like that"}>
              Skills are made by whoever administers a unit.
            </Empty>
          ) : (
            <DataTable label="Skills" columns={columns} rows={rows} rowKey={({ id }) => id} />
          );
        }}
      </Loaded>
      <More query={query} />
    </Page>
  );
}
