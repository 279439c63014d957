import { Anchor, Group, Stack, Text } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Person } from "../../parts/person.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { Text as TextBlock, textOf } from "../../parts/value.tsx";
import { $api, type Shown } from "../../wire/client.ts";

const route = getRouteApi("/shell/audit/$position");

/** One audit entry in full: every field, what was hashed, and how it is chained. */
export function AuditEntryPage() {
  const { position } = route.useParams();
  const query = $api.useQuery("get", "/audit/{position}", { params: { path: { position } } });
  const at = Number(position);
  return (
    <Page
      title={`Audit entry ${position}`}
      subtitle={query.data?.operation}
      above={
        <Anchor component={Link} to="/audit" inherit>
          Audit
        </Anchor>
      }
      actions={
        <Group gap="sm">
          {at > 1 ? (
            <Anchor component={Link} to={`/audit/${at - 1}`} size="sm">
              Entry before
            </Anchor>
          ) : null}
          {Number.isSafeInteger(at) ? (
            <Anchor component={Link} to={`/audit/${at + 1}`} size="sm">
              Entry after
            </Anchor>
          ) : null}
        </Group>
      }
    >
      <Loaded query={query} lines={10}>
        {(entry) => (
          <Stack gap="md">
            <Section title="What happened" actions={<Status value={entry.outcome} />}>
              <Facts facts={factsOf(entry)} />
            </Section>
            <Section title="Body">
              <TextBlock block={textOf(entry.body)} maxHeight={560} />
            </Section>
            <Section title="How it is chained">
              <Stack gap="sm">
                <Facts
                  facts={[
                    ["Refers to", <Hash key="previous" value={entry.previous} />],
                    ["Its hash", <Hash key="hash" value={entry.hash} />],
                  ]}
                />
                <Text size="sm">What was hashed, character by character:</Text>
                <TextBlock block={entry.text} />
              </Stack>
            </Section>
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

function Hash({ value }: { value: string }) {
  return <span style={{ fontFamily: "var(--mantine-font-family-monospace)", fontSize: "0.85em" }}>{value}</span>;
}

function factsOf(entry: Shown["AuditEntryDetail"]): (readonly [string, ReactNode])[] {
  const thing = (name: string, reference: string | null): readonly [string, ReactNode] => [
    name,
    reference === null ? "–" : <ThingLink key={name} reference={reference} />,
  ];
  const { trace, run } = traceIn(entry.body);
  return [
    ["When", <Moment key="when" at={entry.at} absolute />],
    ["For", entry.sub === null ? "Powerloom itself" : <Person key="for" id={entry.sub} />],
    thing("Through", entry.act),
    thing("In", entry.delegated_from_session === null ? null : `session:${entry.delegated_from_session}`),
    ["Operation", entry.operation],
    thing("Target", entry.target),
    ["At", entry.ou ?? "–"],
    ["Rule", entry.rule ?? "–"],
    thing("Approval", entry.approval_id === null ? null : `approval:${entry.approval_id}`),
    thing("Request", requestIn(entry.body)),
    thing("Run", run === undefined ? null : `run:${run}`),
    [
      "Trace",
      trace === undefined ? (
        "–"
      ) : (
        <Anchor
          key="trace"
          renderRoot={(props) => <Link {...props} to="/audit" search={{ trace_id: trace }} />}
          inherit
        >
          {trace}
        </Anchor>
      ),
    ],
  ];
}

const fieldIn = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && name in value ? value[name as keyof typeof value] : undefined;

function requestIn(body: unknown): string | null {
  const id = fieldIn(body, "id");
  return typeof id === "string" && id.startsWith("req_") ? `request:${id}` : null;
}

function traceIn(body: unknown): { trace: string | undefined; run: string | undefined } {
  const detail = fieldIn(body, "detail");
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return { trace: text(fieldIn(detail, "trace_id")), run: text(fieldIn(detail, "run_id")) };
}
