import { Alert, Anchor, Button, Stack, Text } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { OperationForm } from "../../forms/operation-form.tsx";
import { Diff } from "../../parts/diff.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";

/** Changing an agent. */
export function EditAgent() {
  const { agentId } = useParams({ from: "/shell/agents/$agentId/edit" });
  const query = $api.useQuery("get", "/agents/{agent_id}", { params: { path: { agent_id: agentId } } });
  return (
    <Page
      title={query.data === undefined ? "Edit an agent" : `Edit ${query.data.display_name}`}
      above={
        <Anchor component={Link} to={`/agents/${agentId}`} inherit>
          The agent
        </Anchor>
      }
    >
      <Loaded query={query}>{(agent) => <Form key={agentId} now={agent} refetch={query.refetch} />}</Loaded>
    </Page>
  );
}

/** What can be changed. */
function fieldsOf(agent: Shown["AgentState"]) {
  const { display_name, description, model, system_prompt, owner_email: owner } = agent;
  return { display_name, owner, model, description, system_prompt };
}

function Form({ now, refetch }: { now: Shown["AgentState"]; refetch: () => unknown }) {
  const navigate = useNavigate();
  // The agent as it was when the form was filled in: what is typed is meant for that one.
  const [begun, setBegun] = useState(now);
  const initial = fieldsOf(begun);
  return (
    <Stack>
      {now.generation === begun.generation ? null : (
        <Alert color="yellow" role="alert" title="Somebody has changed it meanwhile">
          <Stack gap="xs" align="flex-start">
            <Text size="sm">
              This form was filled in for generation {begun.generation}; the agent is at generation {now.generation}{" "}
              now. This is what has become of it:
            </Text>
            <div style={{ width: "100%" }}>
              <Diff before={initial} after={fieldsOf(now)} />
            </div>
            <Button size="xs" onClick={() => setBegun(now)}>
              Load it anew
            </Button>
            <Text size="xs" c="dimmed">
              What you have typed is then gone.
            </Text>
          </Stack>
        </Alert>
      )}
      <Section title="What it is">
        <OperationForm
          key={begun.generation}
          operation="agent.update"
          submitLabel="Save"
          fixed={{ agent_id: begun.id }}
          initial={initial}
          fields={Object.keys(initial)}
          ifMatch={`"${begun.generation}"`}
          onlyChanged
          onConflict={refetch}
          onApplied={() => void navigate({ to: "/agents/$agentId", params: { agentId: begun.id } })}
        />
      </Section>
    </Stack>
  );
}
