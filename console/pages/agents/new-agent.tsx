import { Anchor } from "@mantine/core";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { OperationForm } from "../../forms/operation-form.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";

/** Making an agent. */
export function NewAgent() {
  const { ou } = useSearch({ from: "/shell/agents/new" });
  const navigate = useNavigate();
  return (
    <Page
      title="New agent"
      above={
        <Anchor component={Link} to="/agents" inherit>
          Agents
        </Anchor>
      }
    >
      <Section title="What it is">
        <OperationForm
          operation="agent.create"
          submitLabel="Create the agent"
          initial={ou === undefined ? {} : { ou }}
          fields={["name", "display_name", "ou", "owner", "kind", "model", "description", "system_prompt"]}
          onApplied={({ id }) => void navigate({ to: "/agents/$agentId", params: { agentId: String(id) } })}
        />
      </Section>
    </Page>
  );
}
