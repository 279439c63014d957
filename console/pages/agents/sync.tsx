import { Button, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Diff } from "../../parts/diff.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { api, queryClient, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";

/** Whether the provider has an agent as it should be, what stands in the way, and what others have changed there. */
export function Sync({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  return (
    <Stack>
      <Section
        title="At the provider"
        actions={may("agent:update", agent.ou_path) ? <Again agentId={agent.id} /> : undefined}
      >
        <Facts
          facts={[
            ["State", <Status key="state" value={agent.sync_state} />],
            ["Wanted", `generation ${agent.generation}`],
            ["Pushed", agent.synced_generation === 0 ? "nothing yet" : `generation ${agent.synced_generation}`],
            ["Compared", agent.checked_at === null ? "not yet" : <Moment key="checked" at={agent.checked_at} />],
            ["Failed attempts", agent.sync_attempts === 0 ? "none since the last success" : agent.sync_attempts],
            ["Provider's id", agent.cma_agent_id ?? "none yet"],
            ["Provider's version", agent.cma_agent_version ?? "–"],
          ]}
        />
      </Section>
      {agent.sync_error === null ? null : (
        <Section title="What the provider said">
          <Block block={textOf(agent.sync_error)} />
        </Section>
      )}
      <Section title="Changes made by others at the provider">
        {agent.drift === null ? (
          <Text size="sm" c="dimmed">
            None has been found.
          </Text>
        ) : (
          <Drift drift={agent.drift} />
        )}
      </Section>
    </Stack>
  );
}

/** Has the agent compared with the provider at once. What comes of it is shown when it has come. */
function Again({ agentId }: { agentId: string }) {
  const again = useMutation({
    mutationFn: () => api.POST("/agents/{agent_id}/reconcile", { params: { path: { agent_id: agentId } } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["get", "/agents/{agent_id}"] }),
  });
  return (
    <>
      {again.error === null ? null : <Problem error={again.error} />}
      {again.isSuccess ? (
        <Text size="xs" c="dimmed" role="status">
          The reconciler has been told.
        </Text>
      ) : null}
      <Button size="xs" variant="default" loading={again.isPending} onClick={() => again.mutate()}>
        Try again
      </Button>
    </>
  );
}

function Drift({ drift }: { drift: NonNullable<Shown["AgentState"]["drift"]> }) {
  const side = (name: "wanted" | "found") =>
    Object.fromEntries(drift.fields.map((field) => [field.field, field[name] ?? null]));
  return (
    <Stack gap="xs">
      <Text size="sm">
        Found <Moment at={drift.found_at} />
        {drift.provider_version === null ? "" : ` in version ${drift.provider_version} of the provider`}, and put back
        to what is wanted here. Removed lines were wanted, added ones were found:
      </Text>
      <Diff before={side("wanted")} after={side("found")} />
    </Stack>
  );
}
