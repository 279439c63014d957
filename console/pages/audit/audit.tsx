import { Anchor, Stack } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Older } from "../../parts/older.tsx";
import { Page } from "../../parts/page.tsx";
import { Person } from "../../parts/person.tsx";
import { Empty, Loading, Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { type AuditSearch, auditSearch } from "./audit-search.ts";
import { Filters } from "./filters.tsx";
import { Proof } from "./proof.tsx";

const route = getRouteApi("/shell/audit");
const pageSize = 50;
type Entry = Shown["AuditEntry"];

/** What has happened, by whom and why, newest first; and the proof that nobody has changed it since. */
export function Audit() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const change = (some: Partial<Record<keyof AuditSearch, string | undefined>>) =>
    void navigate({ search: (before) => auditSearch({ ...before, ...some }), replace: true, resetScroll: false });
  const query = $api.useInfiniteQuery(
    "get",
    "/audit",
    { params: { query: { ...search, limit: pageSize } } },
    {
      pageParamName: "before",
      initialPageParam: null,
      getNextPageParam: ({ data }) => (data.length < pageSize ? undefined : data.at(-1)?.position),
      placeholderData: (before) => before,
    },
  );
  const rows = query.data?.pages.flatMap(({ data }) => data);
  const forbidden = rows === undefined && query.error !== null;
  return (
    <Page title="Audit" subtitle="Every change, refusal and decision, one entry each, chained by hashes.">
      {/* After the first rows: who may not read the trail is told so once, not by every part of the page. */}
      {rows === undefined ? null : <Proof />}
      {forbidden ? null : <Filters search={search} onChange={change} />}
      {query.error === null ? null : <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined ? (
        query.error === null ? (
          <Loading lines={8} />
        ) : null
      ) : rows.length === 0 ? (
        <Empty title="No entry like this">Take a filter away to see more.</Empty>
      ) : (
        <Stack gap="sm">
          <DataTable label="Audit entries" columns={columns} rows={rows} rowKey={({ position }) => String(position)} />
          <Older query={query} />
        </Stack>
      )}
    </Page>
  );
}

const columns = [
  {
    title: "Entry",
    cell: ({ position }: Entry) => (
      <Anchor component={Link} to={`/audit/${position}`} size="sm" fw={550}>
        {position}
      </Anchor>
    ),
    width: 70,
  },
  { title: "When", cell: ({ at }: Entry) => <Moment at={at} />, width: 110 },
  {
    title: "For",
    cell: ({ sub, act }: Entry) => (
      <>
        {sub === null ? "Powerloom itself" : <Person id={sub} />}
        {act === null ? null : (
          <>
            {" "}
            through <ThingLink reference={act} />
          </>
        )}
      </>
    ),
    width: 200,
  },
  { title: "Operation", cell: ({ operation }: Entry) => operation, width: 170 },
  {
    title: "Target",
    cell: ({ target }: Entry) => (target === null ? "–" : <ThingLink reference={target} />),
    width: 170,
  },
  { title: "At", cell: ({ ou }: Entry) => ou ?? "–" },
  { title: "Outcome", cell: ({ outcome }: Entry) => <Status value={outcome} />, width: 150 },
];
