import { Anchor, Button, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { duration } from "../../../core/text/figures.ts";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { ChoiceFilter, Filters, NamedTextFilter, oneOf, useFilters } from "../../parts/filters.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

type Run = Shown["Run"];

const statuses = [
  "received",
  "running",
  "waiting",
  "paused",
  "completed",
  "failed",
  "stopped",
  "cancelled",
] as const satisfies readonly Run["status"][];

const columns: readonly Column<Run>[] = [
  {
    title: "Task",
    cell: (run) => (
      <Anchor component={Link} to={`/runs/${run.id}`} size="sm" fw={550} lineClamp={2}>
        {run.task}
      </Anchor>
    ),
  },
  { title: "Status", cell: (run) => <Status value={run.status} />, width: "8rem" },
  { title: "For", cell: (run) => run.requester_email, width: "12rem" },
  { title: "Unit", cell: (run) => run.ou_path, width: "11rem" },
  { title: "Agent", cell: (run) => `${run.agent}@${run.agent_version}`, width: "9rem" },
  { title: "Begun", cell: (run) => <Moment at={run.created_at} />, align: "right" },
  {
    title: "Took",
    cell: (run) =>
      run.completed_at === null ? "–" : duration(Date.parse(run.completed_at) - Date.parse(run.created_at)),
    align: "right",
  },
];

/** Runs of agents: the reader's own, and those they may read. */
export function Runs() {
  const may = useMay();
  const { search } = useFilters();
  const status = oneOf(statuses, search["status"]);
  const query = $api.useInfiniteQuery(
    "get",
    "/runs",
    {
      params: {
        query: {
          limit: 50,
          ...(status === undefined ? {} : { status }),
          ...(search["q"] === undefined ? {} : { q: search["q"] }),
          ...(search["requester"] === undefined ? {} : { requester: search["requester"] }),
          ...(search["agent"] === undefined ? {} : { agent: search["agent"] }),
          ...(search["ou"] === undefined ? {} : { ou: search["ou"] }),
        },
      },
    },
    { ...byCursor, placeholderData: (before) => before },
  );
  const narrowed = Object.keys(search).length > 0;
  return (
    <Page
      title="Runs"
      subtitle="Tasks that agents plan, carry out and review, under a budget"
      actions={
        may("run:create") ? (
          <Button component={Link} to="/runs/new">
            New run
          </Button>
        ) : null
      }
    >
      <Filters>
        <NamedTextFilter name="q" label="Task contains" />
        <ChoiceFilter name="status" label="Status" values={statuses} />
        <NamedTextFilter name="requester" label="For whom" placeholder="Address of a person" />
        <NamedTextFilter name="agent" label="Agent" placeholder="orchestrator" />
      </Filters>
      <Loaded query={query}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          if (rows.length === 0)
            return (
              <Empty title={narrowed ? "No run is like that" : "There is no run yet"}>
                {narrowed
                  ? "Take away a filter to see more."
                  : "A run gives a task to agents, for you and with your rights."}
              </Empty>
            );
          return <DataTable label="Runs" columns={columns} rows={rows} rowKey={({ id }) => id} />;
        }}
      </Loaded>
      <More query={query} />
      <Text size="xs" c="dimmed">
        Subagents are not listed; each is on the page of the run that started it.
      </Text>
    </Page>
  );
}
