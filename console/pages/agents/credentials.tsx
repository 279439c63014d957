import { Button, Modal, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { OperationForm } from "../../forms/operation-form.tsx";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Status } from "../../parts/status.tsx";
import type { Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { OperationModal } from "./operation-modal.tsx";
import { Secret } from "./secret.tsx";

/** With what an agent reaches its MCP servers: bindings and times, never secrets. */
export function Credentials({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [revoking, setRevoking] = useState<Shown["Credential"]>();
  const mayRevoke = may("credential:revoke", agent.ou_path);
  return (
    <Section
      title="Credentials"
      actions={
        may("credential:create", agent.ou_path) && agent.attachments.mcp_servers.length > 0 ? (
          <Button size="xs" variant="default" onClick={() => setCreating(true)}>
            New credential
          </Button>
        ) : undefined
      }
    >
      {agent.credentials.length === 0 ? (
        <Text size="sm" c="dimmed">
          It has none. {agent.attachments.mcp_servers.length === 0 ? "Attach an MCP server first." : ""}
        </Text>
      ) : (
        <DataTable
          label="Credentials"
          rows={agent.credentials}
          rowKey={({ id }) => id}
          columns={[
            { title: "MCP server", cell: ({ mcp_server_name: name }) => name },
            {
              title: "Kind",
              cell: ({ kind }) => (kind === "session_bound" ? "one for each session" : "one for the agent"),
            },
            { title: "State", cell: (credential) => <Status value={stateOf(credential)} /> },
            { title: "Created", cell: ({ created_at: at }) => <Moment at={at} /> },
            { title: "Expires", cell: ({ expires_at: at }) => (at === null ? "never" : <Moment at={at} />) },
            ...(mayRevoke
              ? [
                  {
                    title: "Change",
                    cell: (credential: Shown["Credential"]) =>
                      credential.revoked_at === null ? (
                        <Button
                          size="compact-xs"
                          variant="light"
                          color="red"
                          aria-label={`Revoke the credential for ${credential.mcp_server_name}`}
                          onClick={() => setRevoking(credential)}
                        >
                          Revoke
                        </Button>
                      ) : null,
                  },
                ]
              : []),
          ]}
        />
      )}
      {creating ? <NewCredential agent={agent} onClose={() => setCreating(false)} onSecret={setSecret} /> : null}
      {secret === undefined ? null : <Secret secret={secret} onClose={() => setSecret(undefined)} />}
      {revoking === undefined ? null : (
        <OperationModal
          title={`Revoke the credential for ${revoking.mcp_server_name}?`}
          operation="credential.revoke"
          submitLabel="Revoke"
          danger
          fixed={{ credential_id: revoking.id }}
          onClose={() => setRevoking(undefined)}
          onApplied={() => undefined}
        />
      )}
    </Section>
  );
}

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: Shown["Credential"]): string {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? "expired" : "active";
}

function NewCredential({
  agent,
  onClose,
  onSecret,
}: {
  agent: Shown["AgentState"];
  onClose: () => void;
  onSecret: (secret: string) => void;
}) {
  const servers = agent.attachments.mcp_servers;
  const [server, setServer] = useState(servers.length === 1 ? servers[0]?.mcp_server_id : undefined);
  return (
    <Modal opened onClose={onClose} title="New credential" size="lg">
      <Stack>
        <Select
          label="MCP server"
          description="One of those attached to the agent"
          data={servers.map(({ mcp_server_id: value, name: label }) => ({ value, label }))}
          value={server ?? null}
          onChange={(value) => setServer(value ?? undefined)}
          allowDeselect={false}
          withAsterisk
        />
        {server === undefined ? null : (
          <OperationForm
            key={server}
            operation="credential.create"
            submitLabel="Create the credential"
            fixed={{ agent_id: agent.id, mcp_server_id: server }}
            fields={["expires_in_seconds"]}
            onApplied={({ secret }) => {
              onClose();
              if (typeof secret === "string") onSecret(secret);
            }}
          />
        )}
      </Stack>
    </Modal>
  );
}
