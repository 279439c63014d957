import { Modal, Select, Stack } from "@mantine/core";
import { useState } from "react";
import { OperationForm } from "../../forms/operation-form.tsx";
import type { Shown } from "../../wire/client.ts";

/** Making a credential for one of an agent's attached servers; its secret, where there is one, is handed on once. */
export function NewCredential({
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
