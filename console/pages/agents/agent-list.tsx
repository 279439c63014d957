import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { agentKinds, syncStates } from "./choices.ts";

/** What agents are narrowed to; what is no known choice narrows nothing. */
export interface AgentFilter {
  q?: string;
  ou?: string;
  sync_state?: string;
  kind?: string;
}

/** Agents that fit, each a link to its page. */
export function AgentList({ search: { q, ou, sync_state, kind } }: { search: AgentFilter }) {
  const state = syncStates.find((each) => each === sync_state);
  const sort = agentKinds.find((each) => each === kind);
  const query = $api.useInfiniteQuery(
    "get",
    "/agents",
    {
      params: {
        query: {
          limit: 50,
          ...(q === undefined ? {} : { q }),
          ...(ou === undefined ? {} : { ou }),
          ...(state === undefined ? {} : { sync_state: state }),
          ...(sort === undefined ? {} : { kind: sort }),
        },
      },
    },
    {
      ...byCursor,
      placeholderData: (before) => before,
    },
  );
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const agents = pages.flatMap(({ data }) => data);
        if (agents.length === 0)
          return (
            <Empty title="No agent fits">
              {q === undefined && state === undefined && sort === undefined
                ? "There is no agent here that you may see. New ones come from this page, or from a conversation with the meta-agent."
                : "Try it with fewer filters."}
            </Empty>
          );
        return (
          <Stack>
            <AgentTable agents={agents} />
            <More query={query} />
          </Stack>
        );
      }}
    </Loaded>
  );
}

function AgentTable({ agents }: { agents: readonly Shown["Agent"][] }) {
  return (
    <DataTable
      label="Agents"
      rows={agents}
      rowKey={({ id }) => id}
      columns={[
        {
          title: "Name",
          cell: ({ id, name, display_name: shown }) => (
            <div>
              <Anchor component={Link} to={`/agents/${id}`} inherit fw={550}>
                {shown}
              </Anchor>
              {shown === name ? null : (
                <Text size="xs" c="dimmed">
                  {name}
                </Text>
              )}
            </div>
          ),
        },
        {
          title: "Unit and owner",
          cell: ({ ou_path: path, owner_email: email }) => (
            <div>
              {path}
              <Text size="xs" c="dimmed">
                {email}
              </Text>
            </div>
          ),
        },
        { title: "Model", width: "10.5rem", cell: ({ model }) => model },
        { title: "Sync", width: "6rem", cell: ({ sync_state: value }) => <Status value={value} /> },
        { title: "Updated", width: "7rem", cell: ({ updated_at: at }) => <Moment at={at} /> },
      ]}
    />
  );
}
