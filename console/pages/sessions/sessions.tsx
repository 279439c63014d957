import { Group, SegmentedControl, Select, Stack } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ReferenceSelect } from "../../forms/reference-select.tsx";
import { More } from "../../parts/more.tsx";
import { Page } from "../../parts/page.tsx";
import { changedSearch } from "../../parts/search-params.ts";
import { Empty, Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { SessionTable } from "./session-table.tsx";

const statuses = [
  "starting",
  "running",
  "waiting",
  "idle",
  "ended",
  "failed",
] as const satisfies Shown["Session"]["status"][];

/** Sessions: one's own, or all one may read, by state and agent. */
export function Sessions() {
  const search = useSearch({ from: "/shell/sessions" });
  const navigate = useNavigate({ from: "/sessions" });
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const all = search.whose === "all";
  const status = statuses.find((each) => each === search.status);
  const query = $api.useInfiniteQuery(
    "get",
    "/sessions",
    {
      params: {
        query: {
          limit: 50,
          ...(all ? {} : { invoker: me.data?.principal_id ?? "" }),
          ...(status === undefined ? {} : { status }),
          ...(search.agent_id === undefined ? {} : { agent_id: search.agent_id }),
        },
      },
    },
    {
      ...byCursor,
      enabled: all || me.data !== undefined,
    },
  );
  const narrow = (change: { [Key in keyof typeof search]?: string | undefined }) =>
    void navigate({ search: (before) => changedSearch(before, change), replace: true });
  return (
    <Page title="Sessions" subtitle="Conversations with agents. Each acts for one person, with that person's rights.">
      <Stack gap="md">
        <Group gap="sm" align="flex-end">
          <SegmentedControl
            aria-label="Whose sessions"
            value={all ? "all" : "mine"}
            onChange={(value) => narrow({ whose: value === "all" ? "all" : undefined })}
            data={[
              { value: "mine", label: "Mine" },
              { value: "all", label: "All I may read" },
            ]}
          />
          <Select
            aria-label="State"
            placeholder="Any state"
            data={[...statuses]}
            value={status ?? null}
            onChange={(value) => narrow({ status: value ?? undefined })}
            clearable
            w={160}
          />
          <ReferenceSelect
            reference="agent"
            aria-label="Agent"
            placeholder="Any agent"
            value={search.agent_id ?? ""}
            onChange={(value) => narrow({ agent_id: value })}
          />
        </Group>
        <Loaded query={query}>
          {({ pages }) => {
            const sessions = pages.flatMap(({ data }) => data);
            if (sessions.length === 0)
              return (
                <Empty title="No session fits">
                  A session begins on an agent&apos;s page, where one says what one needs.
                </Empty>
              );
            return (
              <Stack>
                <SessionTable sessions={sessions} />
                <More query={query} />
              </Stack>
            );
          }}
        </Loaded>
      </Stack>
    </Page>
  );
}
