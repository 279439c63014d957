import { Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Moment } from "../../parts/moment.tsx";
import { Person } from "../../parts/person.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api } from "../../wire/client.ts";

/** What the audit trail says of one change: its own entries, and those of votes on it. */
export function RequestAudit({ id }: { id: string }) {
  const found = $api.useQuery("get", "/audit", { params: { query: { request: id, limit: 200 } } });
  const entries = [...(found.data?.data ?? [])].reverse();
  return (
    <Section
      title="Audit entries"
      actions={
        <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/audit" search={{ request: id }} />}>
          In the trail
        </Anchor>
      }
    >
      {found.error === null ? null : <Problem error={found.error} />}
      {entries.length === 0 ? (
        <Text size="sm" c="dimmed">
          {found.isPending ? "Loading" : "None was found."}
        </Text>
      ) : (
        <ShortList
          items={entries.map((entry) => ({
            key: String(entry.position),
            to: `/audit/${entry.position}`,
            title: `${entry.position}: ${entry.operation}`,
            note: (
              <>
                {entry.sub === null ? "Powerloom itself" : <Person id={entry.sub} />}, <Moment at={entry.at} />
              </>
            ),
            right: <Status value={entry.outcome} />,
          }))}
        />
      )}
    </Section>
  );
}
