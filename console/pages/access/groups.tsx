import { Anchor } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Filters, NamedTextFilter, useFilters } from "../../parts/filters.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

const columns: readonly Column<Shown["Group"]>[] = [
  {
    title: "Name",
    cell: ({ id, display_name: name }) => (
      <Anchor component={Link} to={`/groups/${id}`} size="sm" fw={550}>
        {name}
      </Anchor>
    ),
  },
  { title: "Short name", cell: ({ name }) => name },
  { title: "Unit", cell: ({ ou_path: path }) => path },
  { title: "Members", cell: ({ members }) => members.length, align: "right" },
];

/** Groups: roles given to one are held by all in it. */
export function Groups() {
  const may = useMay();
  const navigate = useNavigate();
  const { search } = useFilters();
  const query = $api.useInfiniteQuery(
    "get",
    "/groups",
    { params: { query: { limit: 100, ...(search["q"] === undefined ? {} : { q: search["q"] }) } } },
    { ...byCursor, placeholderData: (before) => before },
  );
  return (
    <Page
      title="Groups"
      subtitle="A role given to a group is held by all in it, also through other groups"
      actions={
        may("group:create") ? (
          <OperationButton
            label="New group"
            title="New group"
            operation="group.create"
            submitLabel="Create the group"
            onApplied={({ id }) => void navigate({ to: `/groups/${String(id)}` })}
          />
        ) : null
      }
    >
      <Filters>
        <NamedTextFilter name="q" label="Name contains" />
      </Filters>
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          return rows.length === 0 ? (
            <Empty title={search["q"] === undefined ? "There is no group yet" : "No group is called that"}>
              Groups are made by whoever administers a unit.
            </Empty>
          ) : (
            <DataTable label="Groups" columns={columns} rows={rows} rowKey={({ id }) => id} />
          );
        }}
      </Loaded>
      <More query={query} />
    </Page>
  );
}
