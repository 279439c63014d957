import { Alert, Stack, Text } from "@mantine/core";
import { Diff } from "../parts/diff.tsx";
import { Problem } from "../parts/states.tsx";
import type { Shown } from "../wire/client.ts";
import { toProblem } from "../wire/problem.ts";

/** What is not there is no mistake while a form is being filled in: it is said so, and a choice by its names. */
function inPlainWords(detail: string): string {
  const choices = /^Invalid option: expected one of (.+)$/.exec(detail)?.[1];
  if (choices !== undefined) return `one of ${choices.replaceAll('"', "").split("|").join(", ")}`;
  return detail.endsWith("received undefined") ? "to be filled in" : detail;
}

/** What would happen if the form were sent now: done at once, asked of people first, or refused, and why. */
export function Verdict({ dryRun, error }: { dryRun: Shown["DryRun"] | undefined; error: unknown }) {
  if (error !== null && error !== undefined) {
    const problem = toProblem(error);
    if (problem.code === "invalid_input")
      return (
        <Alert color="gray" title="Not complete yet" role="status">
          {problem.fields.length === 0 ? <Text size="sm">{problem.message}</Text> : null}
          {problem.fields.map(({ pointer, detail }) => (
            <Text size="sm" key={`${pointer}${detail}`} style={{ overflowWrap: "anywhere" }}>
              {pointer.slice(1).replaceAll("_", " ")}: {inPlainWords(detail)}
            </Text>
          ))}
        </Alert>
      );
    return <Problem error={problem} />;
  }
  if (dryRun === undefined) return null;
  const asks = dryRun.decision === "needs_approval";
  return (
    <Stack gap="xs">
      <Alert
        color={asks ? "yellow" : "teal"}
        title={asks ? "This will wait for approval" : "This will be done at once"}
        role="status"
      >
        {asks ? (
          dryRun.policies.map(({ name, approver_role: role, approvals_needed: needed }) => (
            <Text size="sm" key={name}>
              {name}: {needed} {needed === 1 ? "approval" : "approvals"} by {role}
            </Text>
          ))
        ) : (
          <Text size="sm">No approval policy matches.</Text>
        )}
      </Alert>
      <Text size="sm">{dryRun.diff.summary}</Text>
      <Diff before={dryRun.diff.before} after={dryRun.diff.after} />
    </Stack>
  );
}
