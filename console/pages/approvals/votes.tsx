import { Group, Stack, Text } from "@mantine/core";
import { Moment } from "../../parts/moment.tsx";
import { Status } from "../../parts/status.tsx";
import type { Shown } from "../../wire/client.ts";

/** Who has decided what, and what is still needed. */
export function Votes({ approval }: { approval: Shown["Approval"] }) {
  const { votes, approvals_needed: needed, approver_role: role, policy, status, reason } = approval;
  const given = votes.filter(({ decision }) => decision === "approve").length;
  return (
    <Stack gap="xs">
      <Text size="sm">
        {policy.includes(", ") ? "Policies" : "Policy"} {policy}:{" "}
        {status === "pending"
          ? `${given} ${given === 1 ? "approval" : "approvals"} so far, ${needed} by ${role} needed.`
          : `${given} ${given === 1 ? "approval" : "approvals"}.`}
      </Text>
      {votes.map((vote) => (
        <Group key={vote.principal_id} gap="xs" align="baseline" wrap="nowrap">
          <Status value={vote.decision} />
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {vote.email}, <Moment at={vote.at} />
            {vote.reason === null ? "" : `: ${vote.reason}`}
          </Text>
        </Group>
      ))}
      {status !== "pending" && reason !== null && !votes.some((vote) => vote.reason === reason) ? (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {reason}
        </Text>
      ) : null}
    </Stack>
  );
}
