import { Anchor } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Filters, NamedTextFilter, useFilters } from "../../parts/filters.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

const columns: readonly Column<Shown["User"]>[] = [
  {
    title: "Name",
    cell: ({ email, display_name: name }) => (
      <Anchor component={Link} to={`/users/${encodeURIComponent(email)}`} size="sm" fw={550}>
        {name}
      </Anchor>
    ),
  },
  { title: "Address", cell: ({ email }) => email },
  { title: "Home unit", cell: ({ home_ou_path: path }) => path },
  { title: "Status", cell: ({ status }) => <Status value={status} /> },
  { title: "Since", cell: ({ created_at: at }) => <Moment at={at} />, align: "right" },
];

/** People of the organisation. */
export function Users() {
  const may = useMay();
  const navigate = useNavigate();
  const { search } = useFilters();
  const query = $api.useInfiniteQuery(
    "get",
    "/users",
    {
      params: {
        query: {
          limit: 100,
          ...(search["q"] === undefined ? {} : { q: search["q"] }),
          ...(search["ou"] === undefined ? {} : { ou: search["ou"] }),
        },
      },
    },
    { ...byCursor, placeholderData: (before) => before },
  );
  return (
    <Page
      title="People"
      actions={
        may("user:create") ? (
          <OperationButton
            label="Add a person"
            title="Add a person"
            operation="user.create"
            submitLabel="Add the person"
            onApplied={({ email }) => void navigate({ to: `/users/${encodeURIComponent(String(email))}` })}
          />
        ) : null
      }
    >
      <Filters>
        <NamedTextFilter name="q" label="Name or address contains" />
        <NamedTextFilter name="ou" label="Unit" placeholder="/acme/sales" />
      </Filters>
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          return rows.length === 0 ? (
            <Empty title="Nobody is like that">Take away a filter to see more.</Empty>
          ) : (
            <DataTable label="People" columns={columns} rows={rows} rowKey={({ id }) => id} />
          );
        }}
      </Loaded>
      <More query={query} />
    </Page>
  );
}
