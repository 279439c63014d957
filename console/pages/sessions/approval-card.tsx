import { Anchor, Group, Paper, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Moment } from "../../parts/moment.tsx";
import { Status } from "../../parts/status.tsx";
import { $api } from "../../wire/client.ts";
import classes from "./entry.module.css";

/** A decision that the conversation waits for: what is asked, how it stands now, and the way to where one decides. */
export function ApprovalCard({ requestId, summary }: { requestId: string; summary: string }) {
  const { data } = $api.useQuery(
    "get",
    "/approvals/{request_id}",
    { params: { path: { request_id: requestId } } },
    // Who may not see it has the link and the words that stand in the conversation.
    { retry: false },
  );
  const votes = data?.votes.filter(({ decision }) => decision === "approve").length ?? 0;
  return (
    <Paper withBorder p="sm" maw="52rem" className={classes["asked"] ?? ""}>
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {data === undefined || data.status === "pending" ? "People are asked first" : "People were asked"}
        </Text>
        {data === undefined ? null : <Status value={data.status} />}
      </Group>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {data?.diff.summary ?? summary}
      </Text>
      <Group gap="xs" mt={6} justify="space-between">
        <Text size="xs" c="dimmed">
          {data?.status === "pending" ? (
            <>
              {votes} of {data.approvals_needed} by {data.approver_role}, expires <Moment at={data.expires_at} />
            </>
          ) : (
            data?.reason
          )}
        </Text>
        <Anchor component={Link} to={`/approvals/${requestId}`} size="sm">
          Open the approval
        </Anchor>
      </Group>
    </Paper>
  );
}
