import { Text } from "@mantine/core";
import { Moment } from "../../parts/moment.tsx";
import { Person } from "../../parts/person.tsx";
import { Section } from "../../parts/section.tsx";
import { ShortList } from "../../parts/short-list.tsx";
import { Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";

/** What the audit trail says of one change: its own entries, and those of votes on it. */
export function RequestAudit({ request }: { request: Shown["Request"] }) {
  const { id, operation, requester_id: requester, created_at: from } = request;
  const own = $api.useQuery("get", "/audit", {
    params: { query: { operation, sub: requester, from, limit: 200, ...until(request.finished_at) } },
  });
  const votes = $api.useQuery("get", "/audit", { params: { query: { target: `request:${id}`, limit: 200 } } });
  const error = own.error ?? votes.error;
  const entries = [...(own.data?.data ?? []).filter((entry) => isAbout(entry, id)), ...(votes.data?.data ?? [])].sort(
    (a, b) => a.position - b.position,
  );
  return (
    <Section title="Audit entries">
      {error === null ? null : <Problem error={error} />}
      {entries.length === 0 ? (
        <Text size="sm" c="dimmed">
          {own.isPending || votes.isPending ? "Loading" : "None was found."}
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

const marginMs = 60_000;

/** The entry is written in the transaction that ends the request: a little later by the clock. */
function until(finishedAt: string | null): { to?: string } {
  return finishedAt === null ? {} : { to: new Date(Date.parse(finishedAt) + marginMs).toISOString() };
}

function isAbout({ body, approval_id: approval }: Shown["AuditEntry"], id: string): boolean {
  return approval === id || (typeof body === "object" && body !== null && "id" in body && body.id === id);
}
