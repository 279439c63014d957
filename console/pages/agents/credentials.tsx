import { Button, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { DataTable } from "../../parts/data-table.tsx";
import { Moment } from "../../parts/moment.tsx";
import { More } from "../../parts/more.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";
import { useMay } from "../../wire/rights.ts";
import { NewCredential } from "./new-credential.tsx";
import { OperationModal } from "./operation-modal.tsx";
import { Secret } from "./secret.tsx";

/** With what an agent reaches its MCP servers: bindings and times, never secrets. */
export function Credentials({ agent }: { agent: Shown["AgentState"] }) {
  const may = useMay();
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [revoking, setRevoking] = useState<Shown["Credential"]>();
  const query = $api.useInfiniteQuery(
    "get",
    "/agents/{agent_id}/credentials",
    { params: { path: { agent_id: agent.id }, query: { limit: 50 } } },
    byCursor,
  );
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
      <Loaded query={query}>
        {({ pages }) => (
          <Stack>
            <CredentialTable
              credentials={pages.flatMap(({ data }) => data)}
              onRevoke={may("credential:revoke", agent.ou_path) ? setRevoking : undefined}
            />
            <More query={query} />
          </Stack>
        )}
      </Loaded>
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

function CredentialTable({
  credentials,
  onRevoke,
}: {
  credentials: readonly Shown["Credential"][];
  onRevoke: ((credential: Shown["Credential"]) => void) | undefined;
}) {
  if (credentials.length === 0)
    return (
      <Text size="sm" c="dimmed">
        It has none. They are made for attached MCP servers.
      </Text>
    );
  return (
    <DataTable
      label="Credentials"
      rows={credentials}
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
        ...(onRevoke === undefined
          ? []
          : [
              {
                title: "Change",
                cell: (credential: Shown["Credential"]) =>
                  credential.revoked_at === null ? (
                    <Button
                      size="compact-xs"
                      variant="light"
                      color="red"
                      aria-label={`Revoke the credential for ${credential.mcp_server_name}`}
                      onClick={() => onRevoke(credential)}
                    >
                      Revoke
                    </Button>
                  ) : null,
              },
            ]),
      ]}
    />
  );
}

function stateOf({ revoked_at: revokedAt, expires_at: expiresAt }: Shown["Credential"]): string {
  if (revokedAt !== null) return "revoked";
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? "expired" : "active";
}
