import { Alert, Anchor, Box, Group, Loader, Stack, Text } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded, Loading, Problem } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { Controls } from "./controls.tsx";
import type { Conversation } from "./conversation.ts";
import type { Following } from "./follow.ts";
import { Log } from "./log.tsx";
import { MessageBox } from "./message-box.tsx";
import { useConversation } from "./use-conversation.ts";

/** A session: the conversation as it happens, and what its person says next. */
export function Session() {
  const { sessionId } = useParams({ from: "/shell/sessions/$sessionId" });
  return <Talk key={sessionId} sessionId={sessionId} />;
}

function Talk({ sessionId }: { sessionId: string }) {
  const session = $api.useQuery("get", "/sessions/{session_id}", { params: { path: { session_id: sessionId } } });
  const { conversation, following } = useConversation(sessionId);
  const above = (
    <Anchor component={Link} to="/sessions" inherit>
      Sessions
    </Anchor>
  );
  // Nothing that was shown stays on screen for somebody who may not see it any more.
  if (following.status === "refused")
    return (
      <Page title="Session" above={above}>
        {following.problem === undefined ? (
          <Alert color="gray" role="alert" title="You may not see this session any more">
            Your right to it has been taken away. What comes after is not shown here.
          </Alert>
        ) : (
          <Problem error={following.problem} />
        )}
      </Page>
    );
  if (session.data === undefined)
    return (
      <Page title="Session" above={above}>
        <Loaded query={session}>{() => null}</Loaded>
      </Page>
    );
  return <Open session={session.data} conversation={conversation} following={following} />;
}

function Open({
  session,
  conversation,
  following,
}: {
  session: Shown["Session"];
  conversation: Conversation;
  following: Following;
}) {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const may = useMay();
  const [sent, setSent] = useState<{ text: string; upTo: number }>();
  const mine = me.data?.principal_id === session.invoker_id;
  const over = session.ended_at !== null || conversation.turn.status === "ended";
  const status = session.ended_at === null ? conversation.turn.status : session.status;
  const { entries } = conversation;
  // What was sent is shown as said when the agent has it, not before.
  const onItsWay =
    sent !== undefined && !entries.some(({ kind, position }) => kind === "person" && position > sent.upTo) && !over;
  return (
    <Page
      title={`Session with ${session.agent_name}`}
      above={
        <Anchor component={Link} to="/sessions" inherit>
          Sessions
        </Anchor>
      }
      subtitle={
        <>
          For {session.invoker_email}, begun <Moment at={session.created_at} />.{" "}
          <Anchor component={Link} to={`/agents/${session.agent_id}`} inherit underline="always">
            The agent
          </Anchor>
        </>
      }
    >
      {session.error === null ? null : (
        <Alert color="red" title="The session failed">
          <Block block={textOf(session.error)} />
        </Alert>
      )}
      {entries.length > 0 ? (
        <Log
          entries={entries}
          beingSaid={status === "running" ? conversation.beingSaid.messages : []}
          person={mine ? "You" : session.invoker_email}
          agent={session.agent_name}
        />
      ) : following.status === "opening" || !over ? (
        <Loading label="The session is being opened" />
      ) : (
        <Empty title="Nothing was said" />
      )}
      {onItsWay ? (
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          Sent, and not taken up yet: {sent.text}
        </Text>
      ) : null}
      <Box
        py="sm"
        pos="sticky"
        bottom={0}
        style={{ zIndex: 1, background: "light-dark(var(--mantine-color-gray-0), var(--mantine-color-dark-8))" }}
      >
        <Stack gap="xs">
          <Group justify="space-between" gap="xs">
            <StatusLine status={status} following={following} reason={session.end_reason} />
            {!over && (mine || may("session:control")) ? (
              <Controls sessionId={session.id} busy={status === "running" || status === "waiting"} />
            ) : null}
          </Group>
          <MessageBox
            sessionId={session.id}
            off={
              over
                ? "Nothing more can be said here: the session is over."
                : mine
                  ? undefined
                  : `Only ${session.invoker_email}, for whom this session acts, can say something in it.`
            }
            onSent={(text) => setSent({ text, upTo: conversation.upTo })}
          />
        </Stack>
      </Box>
    </Page>
  );
}

const words: Readonly<Record<string, string>> = {
  starting: "The session is being opened.",
  running: "The agent is at work.",
  waiting: "A tool call waits for an approver.",
  idle: "The agent has answered.",
};

function StatusLine({ status, following, reason }: { status: string; following: Following; reason: string | null }) {
  const busy = status === "running" || status === "starting";
  return (
    <Group gap="xs" role="status" wrap="nowrap" style={{ flex: "1 1 14rem", minWidth: 0 }}>
      <Status value={status} />
      {busy ? <Loader size="xs" type="dots" aria-hidden="true" /> : null}
      <Text size="xs" c="dimmed">
        {following.status === "broken"
          ? "The connection is broken; it is being opened again. Nothing is lost."
          : (words[status] ?? reason ?? "")}
      </Text>
    </Group>
  );
}
