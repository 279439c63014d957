import { Anchor, Group, Paper, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { DataTable } from "../../parts/data-table.tsx";
import { Diff } from "../../parts/diff.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";

/** What was asked to be done with an agent and, for who may read it, what the audit trail holds of it. */
export function History({ agentId }: { agentId: string }) {
  const may = useMay();
  const target = `agent:${agentId}`;
  return (
    <Stack>
      <Changes target={target} />
      {may("audit:read") ? <Audit target={target} /> : null}
    </Stack>
  );
}

function Changes({ target }: { target: string }) {
  const query = $api.useInfiniteQuery("get", "/requests", { params: { query: { target, limit: 20 } } }, byCursor);
  return (
    <Section title="Changes">
      <Loaded query={query}>
        {({ pages }) => {
          const requests = pages.flatMap(({ data }) => data);
          if (requests.length === 0)
            return (
              <Text size="sm" c="dimmed">
                No change that you may read.
              </Text>
            );
          return (
            <Stack gap="xs">
              {requests.map((request) => (
                <Change key={request.id} request={request} />
              ))}
              <More query={query} />
            </Stack>
          );
        }}
      </Loaded>
    </Section>
  );
}

function Change({ request }: { request: Shown["Request"] }) {
  const [open, setOpen] = useState(false);
  const { diff, actor } = request;
  return (
    <Paper withBorder p="xs">
      <Group justify="space-between" wrap="nowrap" gap="xs" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Anchor
            component={Link}
            to={`/requests/${request.id}`}
            size="sm"
            fw={550}
            style={{ overflowWrap: "anywhere" }}
          >
            {diff?.summary ?? request.operation}
          </Anchor>
          <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {request.requester_email}
            {actor === null ? (
              ""
            ) : (
              <>
                {" "}
                through <ThingLink reference={actor} />
              </>
            )}
            , <Moment at={request.created_at} />
          </Text>
        </div>
        <div style={{ flex: "none" }}>
          <Status value={request.status} />
        </div>
      </Group>
      {diff === null ? null : (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <Text size="xs" component="summary" style={{ cursor: "pointer" }}>
            What changed
          </Text>
          {open ? <Diff before={diff.before} after={diff.after} /> : null}
        </details>
      )}
    </Paper>
  );
}

function Audit({ target }: { target: string }) {
  const query = $api.useQuery("get", "/audit", { params: { query: { target, limit: 50 } } });
  return (
    <Section title="Audit trail">
      <Loaded query={query}>
        {({ data }) => (
          <DataTable
            label="Audit entries"
            rows={data}
            rowKey={({ position }) => String(position)}
            columns={[
              {
                title: "Entry",
                width: "5rem",
                cell: ({ position }) => (
                  <Anchor component={Link} to={`/audit/${position}`} inherit>
                    {position}
                  </Anchor>
                ),
              },
              { title: "Operation", cell: ({ operation }) => operation },
              { title: "Outcome", cell: ({ outcome }) => <Status value={outcome} /> },
              { title: "Through", cell: ({ act }) => (act === null ? "–" : <ThingLink reference={act} />) },
              { title: "When", cell: ({ at }) => <Moment at={at} /> },
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
