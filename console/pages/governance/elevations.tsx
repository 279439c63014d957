import { Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { OperationButton } from "../../forms/operation-button.tsx";
import { type Column, DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

type Elevation = Shown["Elevation"];

/** What agents may do again without asking, since somebody has allowed the same; and a way to take that back. */
export function Elevations() {
  const may = useMay();
  const query = $api.useInfiniteQuery(
    "get",
    "/elevations",
    { params: { query: { limit: 50 } } },
    // They end by themselves, and nothing tells of that.
    { ...byCursor, refetchInterval: 15_000 },
  );
  const columns: Column<Elevation>[] = [
    {
      title: "What",
      cell: ({ tool, agent, root_run_id: run }) => (
        <Anchor component={Link} to={`/runs/${run}`} size="sm" fw={550}>
          {agent}: {tool}
        </Anchor>
      ),
    },
    { title: "Only for", cell: ({ context }) => <Block block={textOf(context)} maxHeight={80} /> },
    { title: "For", cell: ({ requester_email: email }) => email },
    { title: "Unit", cell: ({ ou_path: path }) => path },
    {
      title: "Ends",
      cell: ({ expires_at: at, approval_id: approval }) => (
        <>
          <Moment at={at} />,{" "}
          <Anchor underline="always" component={Link} to={`/approvals/${approval}`} size="xs">
            as approved
          </Anchor>
        </>
      ),
    },
    {
      title: "Take back",
      align: "right",
      cell: ({ id, tool, agent, ou_path: path }) =>
        may("run:control", path) ? (
          <OperationButton
            label="Take back"
            accessibleLabel={`Take back what ${agent} may do with ${tool}`}
            title={`Take back what ${agent} may do with ${tool}`}
            explanation="The agent has to ask again before its next call."
            operation="elevation.revoke"
            submitLabel="Take it back"
            fixed={{ elevation_id: id }}
            danger
            button={{ size: "compact-xs", variant: "default" }}
          />
        ) : (
          "–"
        ),
    },
  ];
  return (
    <Section title="Allowed again without asking">
      <Loaded query={query} lines={2}>
        {({ pages }) => {
          const rows = pages.flatMap(({ data }) => data);
          return rows.length === 0 ? (
            <Text size="sm" c="dimmed">
              Nothing at present. An approval of a tool call lets the same agent do the same again for a few minutes,
              within its run.
            </Text>
          ) : (
            <DataTable label="Elevations" columns={columns} rows={rows} rowKey={({ id }) => id} />
          );
        }}
      </Loaded>
      <More query={query} />
    </Section>
  );
}
