import { Anchor, Select, SimpleGrid, Stack, Switch } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Older } from "../../parts/older.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loading, Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { TextFilter } from "../../parts/text-filter.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { type RequestSearch, requestFilters, requestSearch, statuses } from "./request-search.ts";

const route = getRouteApi("/shell/requests");

/** Changes that were asked for, the newest first, and what became of each. */
export function Requests() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const change = (some: Partial<Record<keyof RequestSearch, string | undefined>>) =>
    void navigate({ search: (before) => requestSearch({ ...before, ...some }), replace: true, resetScroll: false });
  const query = $api.useInfiniteQuery(
    "get",
    "/requests",
    { params: { query: { ...requestFilters(search, me.data?.email), limit: 50 } } },
    {
      pageParamName: "cursor",
      initialPageParam: null,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: (before) => before,
    },
  );
  const rows = query.data?.pages.flatMap(({ data }) => data);
  return (
    <Page title="Requests" subtitle="Every change that was asked for, from intent to outcome.">
      <Filters search={search} onChange={change} />
      {query.error === null ? null : <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined ? (
        query.error === null ? (
          <Loading lines={8} />
        ) : null
      ) : rows.length === 0 ? (
        <Empty title="No request like this">What you ask for appears here, and what you may read of others.</Empty>
      ) : (
        <Stack gap="sm">
          <DataTable label="Requests" columns={columns} rows={rows} rowKey={({ id }) => id} />
          <Older query={query} />
        </Stack>
      )}
    </Page>
  );
}

const columns = [
  {
    title: "What",
    cell: ({ id, diff, operation }: Shown["Request"]) => (
      <Anchor component={Link} to={`/requests/${id}`} size="sm" fw={550}>
        {diff?.summary ?? operation}
      </Anchor>
    ),
  },
  { title: "Operation", cell: ({ operation }: Shown["Request"]) => operation, width: 150 },
  { title: "Asked for by", cell: ({ requester_email: email }: Shown["Request"]) => email, width: 200 },
  { title: "Status", cell: ({ status }: Shown["Request"]) => <Status value={status} />, width: 150 },
  { title: "Asked", cell: ({ created_at: at }: Shown["Request"]) => <Moment at={at} />, width: 110 },
];

function Filters({
  search,
  onChange,
}: {
  search: RequestSearch;
  onChange: (change: Partial<Record<keyof RequestSearch, string | undefined>>) => void;
}) {
  const may = useMay();
  // Who may read nobody else's sees their own in any case.
  const others = may("request:read");
  return (
    <search aria-label="Narrow the list">
      <SimpleGrid
        cols={{ base: 2, md: others ? 5 : 3 }}
        spacing="xs"
        verticalSpacing="xs"
        style={{ alignItems: "center" }}
      >
        <TextFilter label="Search" value={search.q} onChange={(q) => onChange({ q })} />
        <Select
          aria-label="Status"
          placeholder="Any status"
          data={statuses.map((value) => ({ value, label: value.replaceAll("_", " ") }))}
          value={search.status ?? null}
          clearable
          onChange={(status) => onChange({ status: status ?? undefined })}
        />
        <TextFilter label="Operation" value={search.operation} onChange={(operation) => onChange({ operation })} />
        {others ? (
          <>
            <TextFilter
              label="Requester"
              placeholder="Requester's email"
              value={search.requester}
              onChange={(requester) => onChange({ requester })}
            />
            <Switch
              label="Only mine"
              checked={search.mine === "true"}
              onChange={(event) => onChange({ mine: event.currentTarget.checked ? "true" : undefined })}
            />
          </>
        ) : null}
      </SimpleGrid>
    </search>
  );
}
