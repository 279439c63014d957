import { Stack } from "@mantine/core";
import { More } from "../../parts/more.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { SessionTable } from "../sessions/session-table.tsx";

/** An agent's sessions that the reader may see. */
export function AgentSessions({ agentId }: { agentId: string }) {
  const query = $api.useInfiniteQuery(
    "get",
    "/sessions",
    { params: { query: { agent_id: agentId, limit: 50 } } },
    byCursor,
  );
  return (
    <Loaded query={query}>
      {({ pages }) => {
        const sessions = pages.flatMap(({ data }) => data);
        if (sessions.length === 0)
          return <Empty title="No session">Nobody whose sessions you may read has talked to it yet.</Empty>;
        return (
          <Stack>
            <SessionTable sessions={sessions} />
            <More query={query} />
          </Stack>
        );
      }}
    </Loaded>
  );
}
