import { Alert, Anchor, Button, Center, Code, Group, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ErrorComponentProps } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { type ApiProblem, toProblem } from "../wire/problem.ts";

/** Nothing is there: says what would be, and how it comes to be. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Paper withBorder p="xl" ta="center">
      <Text fw={600}>{title}</Text>
      {children === undefined ? null : (
        <Text c="dimmed" size="sm" mt={4} component="div">
          {children}
        </Text>
      )}
    </Paper>
  );
}

/** Lines where something will be. */
export function Loading({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <Stack gap="xs" role="status" aria-label={label} aria-busy="true">
      {Array.from({ length: lines }, (_, index) => ({
        name: `line-${index}`,
        first: index === 0,
        width: 100 - ((index * 17) % 40),
      })).map(({ name, first, width }) => (
        <Skeleton key={name} height={first ? 28 : 18} width={`${width}%`} />
      ))}
    </Stack>
  );
}

interface Granter {
  email: string;
  role: string;
  ou: string;
}

/** A problem as the API told it: what is wrong, and, of a missing right, who can give it. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = toProblem(error);
  if (problem.status === 403) return <Forbidden problem={problem} />;
  const title = problem.offline ? "Offline" : titleOf(problem);
  return (
    <Alert color={problem.offline ? "yellow" : "red"} title={title} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {problem.message}
        </Text>
        {problem.fields.length > 1 ? (
          <ul style={{ margin: 0 }}>
            {problem.fields.map(({ pointer, detail }) => (
              <li key={`${pointer}${detail}`}>
                <Code>{pointer}</Code> {detail}
              </li>
            ))}
          </ul>
        ) : null}
        {retry === undefined ? null : (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

function titleOf({ body }: ApiProblem): string {
  return typeof body["title"] === "string" ? body["title"] : "That did not work";
}

function Forbidden({ problem }: { problem: ApiProblem }) {
  const given = problem.body["who_can_grant"];
  const granters = Array.isArray(given) ? (given as Granter[]) : [];
  return (
    <Alert color="gray" title="Not for you to see or do" role="alert">
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {problem.message}
      </Text>
      {granters.length === 0 ? null : (
        <Text size="sm" mt="xs">
          Who can grant it:{" "}
          {granters.slice(0, 5).map(({ email, role, ou }, index) => (
            <span key={`${email}${role}${ou}`}>
              {index === 0 ? "" : ", "}
              <Anchor underline="always" href={`mailto:${email}`} inherit>
                {email}
              </Anchor>{" "}
              ({role} at {ou})
            </span>
          ))}
        </Text>
      )}
    </Alert>
  );
}

/** What a query has brought, or why it has not yet. Old data stays on screen beside a problem of asking anew. */
export function Loaded<Data>({
  query,
  lines,
  children,
}: {
  query: UseQueryResult<Data, unknown>;
  lines?: number;
  children: (data: Data) => ReactNode;
}) {
  if (query.data !== undefined)
    return (
      <>
        {query.error === null ? null : <Problem error={query.error} retry={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  if (query.error !== null) return <Problem error={query.error} retry={() => void query.refetch()} />;
  return <Loading {...(lines === undefined ? {} : { lines })} />;
}

/** A page that broke while it was being shown: a fault of the console. */
export function BrokenPage({ error, reset }: ErrorComponentProps) {
  return (
    <Center p="xl">
      <Stack maw={640}>
        <Title order={1}>This page broke</Title>
        <Problem error={error} />
        <Group>
          <Button onClick={reset}>Try again</Button>
          <Anchor href="/">Home</Anchor>
        </Group>
      </Stack>
    </Center>
  );
}
