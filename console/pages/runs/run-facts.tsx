import { Anchor, Box, Group } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { duration } from "../../../core/text/figures.ts";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";

/** A task that is longer is no title. */
export const longestTitle = 140;

/** Whose run it is, where, with what, and how it stands. */
export function RunFacts({ run }: { run: Shown["RunDetail"] }) {
  const facts: [string, ReactNode][] = [
    [
      "Status",
      <Group gap="xs" key="status">
        <Status value={run.status} />
        {run.waiting_for === null ? null : (
          <Anchor component={Link} to={`/approvals/${run.waiting_for}`} inherit>
            what it waits for
          </Anchor>
        )}
      </Group>,
    ],
    ...(run.reason === null || run.status === "completed"
      ? []
      : ([["Why", `${run.reason.reason} (${run.reason.rule})`]] as [string, ReactNode][])),
    ...(run.error === null || run.error === run.reason?.reason
      ? []
      : ([["Error", run.error]] as [string, ReactNode][])),
    [
      "For",
      <Anchor component={Link} to={`/users/${encodeURIComponent(run.requester_email)}`} inherit key="requester">
        {run.requester_email}
      </Anchor>,
    ],
    ["Unit", run.ou_path],
    ["Agent", `${run.agent}, version ${run.agent_version}, as ${run.role}`],
    ["Model", run.model],
    ["Begun", <Moment at={run.started_at ?? run.created_at} key="begun" />],
    ...(run.completed_at === null
      ? []
      : ([
          [
            "Ended",
            <span key="ended">
              <Moment at={run.completed_at} />, after{" "}
              {duration(Date.parse(run.completed_at) - Date.parse(run.started_at ?? run.created_at))}
            </span>,
          ],
        ] as [string, ReactNode][])),
    [
      "Trace",
      <Anchor
        component={Link}
        to="/audit"
        search={{ trace_id: run.trace_id } as never}
        inherit
        key="trace"
        title="What the audit trail has of this trace"
      >
        {run.trace_id}
      </Anchor>,
    ],
  ];
  return (
    <Section title="This run">
      {run.task.length > longestTitle || run.parent_run_id !== null ? (
        <Box mb="sm">
          <Block block={run.task} maxHeight={160} />
        </Box>
      ) : null}
      <Facts facts={facts} />
    </Section>
  );
}
