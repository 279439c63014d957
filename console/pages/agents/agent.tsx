import { Anchor, Button, Tabs } from "@mantine/core";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Page } from "../../parts/page.tsx";
import { Loaded, Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { AgentSessions } from "./agent-sessions.tsx";
import { Attachments } from "./attachments.tsx";
import { Credentials } from "./credentials.tsx";
import { History } from "./history.tsx";
import { OperationModal } from "./operation-modal.tsx";
import { Overview } from "./overview.tsx";
import { Sync } from "./sync.tsx";

const tabs = ["overview", "attachments", "credentials", "sync", "history", "sessions"] as const;

const above = (
  <Anchor component={Link} to="/agents" inherit>
    Agents
  </Anchor>
);

/** One agent: what it is, what it can use, whether the provider has it so, and what was done with it. */
export function Agent() {
  const { agentId } = useParams({ from: "/shell/agents/$agentId" });
  const query = $api.useQuery("get", "/agents/{agent_id}", { params: { path: { agent_id: agentId } } });
  if (query.data === undefined)
    return (
      <Page title="Agent" above={above}>
        <Loaded query={query}>{() => null}</Loaded>
      </Page>
    );
  return <Found agent={query.data} error={query.error} />;
}

function Found({ agent, error }: { agent: Shown["AgentState"]; error: unknown }) {
  const search = useSearch({ from: "/shell/agents/$agentId" });
  const navigate = useNavigate();
  const tab = tabs.find((each) => each === search.tab) ?? "overview";
  return (
    <Page
      title={agent.display_name}
      above={above}
      subtitle={
        <>
          {agent.name} in {agent.ou_path}, owned by {agent.owner_email}, {agent.kind} agent{" "}
          <Status value={agent.sync_state} />
        </>
      }
      actions={<Actions agent={agent} />}
    >
      {error === null ? null : <Problem error={error} />}
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({
            to: "/agents/$agentId",
            params: { agentId: agent.id },
            search: next === null || next === "overview" ? {} : { tab: next },
            replace: true,
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {tabs.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {each.charAt(0).toUpperCase() + each.slice(1)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab}>
          {tab === "overview" ? <Overview agent={agent} /> : null}
          {tab === "attachments" ? <Attachments agent={agent} /> : null}
          {tab === "credentials" ? <Credentials agent={agent} /> : null}
          {tab === "sync" ? <Sync agent={agent} /> : null}
          {tab === "history" ? <History agentId={agent.id} /> : null}
          {tab === "sessions" ? <AgentSessions agentId={agent.id} /> : null}
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Actions({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const here = (permission: string) => may(permission, agent.ou_path);
  return (
    <>
      {here("agent:invoke") ? (
        <Button component={Link} to={`/agents/${agent.id}`} hash="talk">
          Talk
        </Button>
      ) : null}
      {here("agent:update") ? (
        <Button component={Link} to={`/agents/${agent.id}/edit`} variant="default">
          Edit
        </Button>
      ) : null}
      {here("agent:delete") ? (
        <Button variant="light" color="red" onClick={() => setDeleting(true)}>
          Delete
        </Button>
      ) : null}
      {deleting ? (
        <OperationModal
          title={`Delete ${agent.name}?`}
          operation="agent.delete"
          submitLabel="Delete the agent"
          danger
          fixed={{ agent_id: agent.id }}
          onClose={() => setDeleting(false)}
          onApplied={() => void navigate({ to: "/agents" })}
        />
      ) : null}
    </>
  );
}
