import { Anchor, Group, Paper, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { ApprovalDetail } from "./approval-detail.tsx";

/** The request chosen in the list. It stays when it has been decided and is in the list no longer. */
export function Beside({ id, keysOff }: { id: string; keysOff: boolean }) {
  const query = $api.useQuery("get", "/approvals/{request_id}", { params: { path: { request_id: id } } });
  return (
    <Paper p="md" component="section" aria-label="The chosen request" tabIndex={-1} id="chosen-request">
      <Loaded query={query} lines={8}>
        {(approval) => (
          <>
            <Group justify="space-between" align="flex-start" wrap="nowrap" gap="md" mb="sm">
              <Title order={2} style={{ overflowWrap: "anywhere" }}>
                {approval.diff.summary}
              </Title>
              <Anchor component={Link} to={`/approvals/${id}`} size="sm" style={{ flexShrink: 0 }}>
                Own page
              </Anchor>
            </Group>
            <ApprovalDetail approval={approval} headings={3} keysOff={keysOff} />
          </>
        )}
      </Loaded>
    </Paper>
  );
}
