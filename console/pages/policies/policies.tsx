import { Anchor, Badge, Button, Stack } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Older } from "../../parts/older.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loading, Problem } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { span } from "./binds.ts";

const route = getRouteApi("/shell/approval-policies");
type Policy = Shown["ApprovalPolicy"];

/** Which changes wait for people, where, and for whom. */
export function Policies() {
  const { ou } = route.useSearch();
  const may = useMay();
  const query = $api.useInfiniteQuery(
    "get",
    "/approval-policies",
    { params: { query: { limit: 50, ...(ou === undefined ? {} : { ou }) } } },
    {
      pageParamName: "cursor",
      initialPageParam: null,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
    },
  );
  const rows = query.data?.pages.flatMap(({ data }) => data);
  return (
    <Page
      title="Approval policies"
      subtitle={
        ou === undefined ? "Changes that wait for somebody's approval before they are done." : `At ${ou} and below`
      }
      actions={
        may("policy:create") ? (
          <Button component={Link} to="/approval-policies/new">
            New policy
          </Button>
        ) : undefined
      }
    >
      {query.error === null ? null : <Problem error={query.error} retry={() => void query.refetch()} />}
      {rows === undefined ? (
        query.error === null ? (
          <Loading lines={6} />
        ) : null
      ) : rows.length === 0 ? (
        <Empty title="No policy">Without one, whoever may make a change makes it at once.</Empty>
      ) : (
        <Stack gap="sm">
          <DataTable label="Approval policies" columns={columns} rows={rows} rowKey={({ id }) => id} />
          <Older query={query} label="Show more" />
        </Stack>
      )}
    </Page>
  );
}

const columns = [
  {
    title: "Policy",
    cell: ({ id, name }: Policy) => (
      <Anchor component={Link} to={`/approval-policies/${id}`} size="sm" fw={550}>
        {name}
      </Anchor>
    ),
  },
  { title: "Binds at", cell: ({ ou_path: ou }: Policy) => ou },
  { title: "Operations", cell: ({ operations }: Policy) => operations.join(", ") },
  {
    title: "Needs",
    cell: ({ approvals_needed: needed, approver_role: role }: Policy) => `${needed} by ${role}`,
    width: 130,
  },
  { title: "Expires after", cell: ({ expires_after_seconds: seconds }: Policy) => span(seconds), width: 120 },
  { title: "State", cell: ({ enabled }: Policy) => <Enabled enabled={enabled} />, width: 100 },
  { title: "Changed", cell: ({ updated_at: at }: Policy) => <Moment at={at} />, width: 110 },
];

/** Whether a policy binds anybody. */
export function Enabled({ enabled }: { enabled: boolean }) {
  return <Badge color={enabled ? "teal" : "gray"}>{enabled ? "enabled" : "off"}</Badge>;
}
