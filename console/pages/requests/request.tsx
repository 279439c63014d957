import { Anchor, Grid, Group, Stack, Text } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Diff } from "../../parts/diff.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Value } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { RequestAudit } from "./request-audit.tsx";
import { RequestFacts } from "./request-facts.tsx";
import { timelineOf } from "./timeline.ts";
import { Timeline } from "./timeline.tsx";
import { Withdraw } from "./withdraw.tsx";

const route = getRouteApi("/shell/requests/$requestId");

/** One change from intent to outcome. */
export function RequestPage() {
  const { requestId } = route.useParams();
  const query = $api.useQuery("get", "/requests/{request_id}", { params: { path: { request_id: requestId } } });
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const request = query.data;
  const mine = request !== undefined && request.requester_id === me.data?.principal_id;
  return (
    <Page
      title={request?.diff?.summary ?? request?.operation ?? "Request"}
      subtitle={
        request === undefined ? undefined : (
          <Group gap="xs" mt={4}>
            <Status value={request.status} />
            <span>
              {request.operation} by {request.requester_email}
            </span>
          </Group>
        )
      }
      above={
        <Anchor component={Link} to="/requests" inherit>
          Requests
        </Anchor>
      }
      actions={mine && request.status === "pending_approval" ? <Withdraw requestId={requestId} /> : undefined}
    >
      <Loaded query={query} lines={8}>
        {(loaded) => <Whole request={loaded} />}
      </Loaded>
    </Page>
  );
}

function Whole({ request }: { request: Shown["Request"] }) {
  const may = useMay();
  const { diff, problem, result } = request;
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, md: 5 }}>
        <Stack gap="md">
          <Section title="What has happened">
            <Timeline steps={useTimeline(request)} />
          </Section>
          <Section title="About it">
            <RequestFacts request={request} />
          </Section>
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Stack gap="md">
          <Section title="What changes">
            {diff === null ? (
              <Text size="sm" c="dimmed">
                Nothing was worked out: it ended before.
              </Text>
            ) : (
              <Diff before={diff.before} after={diff.after} />
            )}
          </Section>
          {problem === null ? null : (
            <Section title="Its problem">
              <Value value={problem} />
            </Section>
          )}
          {result === null ? null : (
            <Section title="Result">
              <Value value={result} />
            </Section>
          )}
          {may("audit:read") ? <RequestAudit id={request.id} /> : null}
        </Stack>
      </Grid.Col>
    </Grid>
  );
}

function useTimeline(request: Shown["Request"]) {
  // Not every change asks people, and not everybody may see whom it asked: then there is nothing to tell of it.
  const approval = $api.useQuery(
    "get",
    "/approvals/{request_id}",
    { params: { path: { request_id: request.id } } },
    { retry: false },
  );
  const agentId = request.target?.type === "agent" ? request.target.id : undefined;
  const agent = $api.useQuery(
    "get",
    "/agents/{agent_id}",
    { params: { path: { agent_id: agentId ?? "" } } },
    {
      enabled: agentId !== undefined && request.status === "applied" && request.operation !== "agent.delete",
      retry: false,
    },
  );
  return timelineOf(request, approval.data, agent.data);
}
