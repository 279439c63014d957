import { Text } from "@mantine/core";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";

/** Decisions that the reader can make now. */
export function WaitsForMe() {
  const query = $api.useQuery("get", "/approvals", {
    params: { query: { status: "pending", mine: "true", limit: 5 } },
  });
  const summary = $api.useQuery("get", "/approvals/summary", {});
  const mine = summary.data?.pending.mine ?? 0;
  return (
    <Section title="Waits for you">
      <Loaded query={query} lines={2}>
        {({ data }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              Nothing waits for your decision.
            </Text>
          ) : (
            <ShortList
              items={data.map((approval) => ({
                key: approval.id,
                to: `/approvals/${approval.id}`,
                title: approval.diff.summary,
                note: (
                  <>
                    {approval.requester_email}, expires <Moment at={approval.expires_at} />
                  </>
                ),
              }))}
              more={{ to: "/approvals", label: mine > data.length ? `All ${mine}` : "Open the inbox" }}
            />
          )
        }
      </Loaded>
    </Section>
  );
}
