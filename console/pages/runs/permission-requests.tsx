import { Anchor, Group, Spoiler, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { isOver } from "./run-state.ts";

type PermissionRequest = Shown["PermissionRequest"];

/** What a run and its subagents have asked people for: what they are shown, and how they decided. */
export function PermissionRequests({ run }: { run: Shown["RunDetail"] }) {
  const query = $api.useQuery(
    "get",
    "/runs/{run_id}/permission-requests",
    { params: { path: { run_id: run.id } } },
    { staleTime: isOver(run.status) ? 60_000 : 1_000 },
  );
  if (query.error !== null) return <Problem error={query.error} />;
  // The API tells of the whole tree that the run belongs to.
  const here = new Set([run.id, ...run.children.map(({ id }) => id)]);
  const requests = (query.data?.data ?? []).filter(({ run_id: id }) => here.has(id)).reverse();
  if (requests.length === 0) return null;
  return (
    <Section title="Asked of people">
      <Stack gap="md">
        {requests.map((request) => (
          <Request key={request.request_id} request={request} />
        ))}
      </Stack>
    </Section>
  );
}

function Request({ request }: { request: PermissionRequest }) {
  return (
    <div>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Anchor component={Link} to={`/approvals/${request.request_id}`} size="sm" fw={550}>
            {request.tool}
          </Anchor>
          <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {request.reason}. Asked <Moment at={request.created_at} />
            {request.decided_at === null ? "" : ", decided "}
            {request.decided_at === null ? null : <Moment at={request.decided_at} />}
            {request.decision_reason === null ? "" : `: ${request.decision_reason}`}
          </Text>
        </div>
        <Status value={request.decision} />
      </Group>
      <Block block={request.args_summary} maxHeight={120} />
      <Spoiler
        maxHeight={0}
        showLabel="What those who decide are shown"
        hideLabel="Hide it"
        mt={4}
        styles={{ control: { fontSize: "var(--mantine-font-size-xs)" } }}
      >
        <Stack gap="xs">
          <Block block={request.artifacts.markdown} />
          <Block block={textOf(request.artifacts.json)} />
        </Stack>
      </Spoiler>
    </div>
  );
}
