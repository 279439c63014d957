import { Anchor, Box, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ShortId } from "../../parts/short-id.tsx";
import { Status } from "../../parts/status.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { AskedFor } from "./asked-for.tsx";
import { Decide } from "./decide.tsx";
import { kindWords } from "./inbox-search.ts";
import { Votes } from "./votes.tsx";

type Approval = Shown["Approval"];

/** One request in full: what would be done, who asks and through what, who has to decide and has; and deciding it. */
export function ApprovalDetail({
  approval,
  headings,
  keysOff = false,
}: {
  approval: Approval;
  headings: 2 | 3;
  /** The keys that decide mean something else now. */
  keysOff?: boolean;
}) {
  return (
    <Stack gap="md">
      <Group gap="xs">
        <Status value={approval.status} />
        <Text size="sm" c="dimmed">
          {kindWords[approval.kind]} · {approval.operation} ·{" "}
          {approval.status === "pending" ? (
            <>
              expires <Moment at={approval.expires_at} />
            </>
          ) : (
            <>
              asked for <Moment at={approval.created_at} />
            </>
          )}
        </Text>
      </Group>
      <Decide key={approval.id} approval={approval} keysOff={keysOff} />
      <WhyNot approval={approval} />
      <Part title="What would be done" order={headings}>
        <AskedFor approval={approval} />
      </Part>
      <Part title="Votes" order={headings}>
        <Votes approval={approval} />
      </Part>
      <Part title="Who asks" order={headings}>
        <Facts facts={factsOf(approval)} />
      </Part>
    </Stack>
  );
}

function factsOf(approval: Approval): (readonly [string, ReactNode])[] {
  const { actor, session_id: session } = approval;
  return [
    ["Asked for by", approval.requester_email],
    ...(actor === null ? [] : [["Through", <ThingLink key="actor" reference={actor} />] as const]),
    ...(session === null ? [] : [["In", <ThingLink key="session" reference={`session:${session}`} />] as const]),
    ["At", approval.ou_path],
    ["Asked", <Moment key="asked" at={approval.created_at} absolute />],
    ["Expires", <Moment key="expires" at={approval.expires_at} absolute />],
    ["Digest", <ShortId key="digest" id={approval.digest} />],
    ...(approval.kind === "operation"
      ? [
          [
            "Request",
            <Anchor key="request" component={Link} to={`/requests/${approval.id}`} inherit>
              from intent to outcome
            </Anchor>,
          ] as const,
        ]
      : []),
  ];
}

function Part({ title, order, children }: { title: string; order: 2 | 3; children: ReactNode }) {
  return (
    <Box component="section">
      <Title order={order} size="h3" mb={6}>
        {title}
      </Title>
      {children}
    </Box>
  );
}

/** Why the reader cannot decide what waits. */
function WhyNot({ approval }: { approval: Approval }) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  if (approval.status !== "pending" || approval.can_vote || me.data === undefined) return null;
  const myId = me.data.principal_id;
  const why =
    approval.requester_id === myId
      ? "You have asked for this yourself: somebody else has to decide."
      : approval.votes.some(({ principal_id: voter }) => voter === myId)
        ? "You have voted. It waits for others."
        : `Deciding this needs the role ${approval.approver_role} at ${approval.ou_path}.`;
  return (
    <Text size="sm" c="dimmed">
      {why}
    </Text>
  );
}
