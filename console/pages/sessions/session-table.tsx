import { Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Status } from "../../parts/status.tsx";
import type { Shown } from "../../wire/client.ts";

/** Sessions, newest first: with whom, for whom, how they stand and what was said last. */
export function SessionTable({ sessions }: { sessions: readonly Shown["Session"][] }) {
  return (
    <DataTable
      label="Sessions"
      rows={sessions}
      rowKey={({ id }) => id}
      columns={[
        {
          title: "Agent",
          width: "12rem",
          cell: ({ id, agent_name: name }) => (
            <Anchor component={Link} to={`/sessions/${id}`} inherit fw={550}>
              {name}
            </Anchor>
          ),
        },
        { title: "For", width: "14rem", cell: ({ invoker_email: email }) => email },
        { title: "State", width: "7rem", cell: ({ status }) => <Status value={status} /> },
        {
          title: "Said last",
          cell: ({ final_message: said, end_reason: reason }) => (
            <Text size="sm" lineClamp={2}>
              {said ?? reason ?? "–"}
            </Text>
          ),
        },
        { title: "Begun", width: "8rem", cell: ({ created_at: at }) => <Moment at={at} /> },
      ]}
    />
  );
}
