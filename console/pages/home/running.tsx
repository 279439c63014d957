import { Text } from "@mantine/core";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api } from "../../wire/client.ts";

const open: ReadonlySet<string> = new Set(["received", "running", "waiting", "paused"]);

/** Runs and sessions that go on. */
export function Running() {
  const running = $api.useQuery("get", "/runs", { params: { query: { limit: 50 } } });
  const sessions = $api.useQuery("get", "/sessions", { params: { query: { limit: 50 } } });
  const openSessions = (sessions.data?.data ?? []).filter(({ ended_at: endedAt }) => endedAt === null).slice(0, 5);
  return (
    <Section title="Goes on">
      <Loaded query={running} lines={2}>
        {({ data }) => {
          const runs = data
            .filter(({ status, parent_run_id: parent }) => parent === null && open.has(status))
            .slice(0, 5);
          if (runs.length + openSessions.length === 0)
            return (
              <Text size="sm" c="dimmed">
                No run and no session is open.
              </Text>
            );
          return (
            <ShortList
              items={[
                ...runs.map((run) => ({
                  key: run.id,
                  to: `/runs/${run.id}`,
                  title: run.task,
                  note: (
                    <>
                      run of {run.requester_email}, <Moment at={run.created_at} />
                    </>
                  ),
                  right: <Status value={run.status} />,
                })),
                ...openSessions.map((session) => ({
                  key: session.id,
                  to: `/sessions/${session.id}`,
                  title: `Session with ${session.agent_name}`,
                  note: (
                    <>
                      {session.invoker_email}, <Moment at={session.created_at} />
                    </>
                  ),
                  right: <Status value={session.status} />,
                })),
              ]}
            />
          );
        }}
      </Loaded>
    </Section>
  );
}
