import { Alert, Anchor, Button, SimpleGrid, Text } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { memo } from "react";
import { Page } from "../../parts/page.tsx";
import { Loaded, Problem } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { BurnDown } from "./burn-down.tsx";
import { Happened } from "./happened.tsx";
import { Made } from "./made.tsx";
import { PermissionRequests } from "./permission-requests.tsx";
import { PlanSection } from "./plan-section.tsx";
import { RunControls } from "./run-controls.tsx";
import { longestTitle, RunFacts } from "./run-facts.tsx";
import { isOver, type RunState } from "./run-state.ts";
import { Say } from "./say.tsx";
import { Speaking } from "./speaking.tsx";
import { Steps } from "./steps.tsx";
import { Subagents } from "./subagents.tsx";
import { useRunStream } from "./use-run-stream.ts";

// What follows no events is drawn when the run was asked for again, not with every batch of them.
const [Facts, Controls, Asked, StepTable, Message, Result] = [
  memo(RunFacts),
  memo(RunControls),
  memo(PermissionRequests),
  memo(Steps),
  memo(Say),
  memo(Made),
];

/** One run as it goes: its plan, steps, budget, what it asks people for, and what it has made. */
export function Run() {
  const { runId } = useParams({ from: "/shell/runs/$runId" });
  // Another run is another page: nothing of the one before stays.
  return <RunPage key={runId} runId={runId} />;
}

function RunPage({ runId }: { runId: string }) {
  const query = $api.useQuery("get", "/runs/{run_id}", { params: { path: { run_id: runId } } });
  const { state, broken, refused } = useRunStream(runId);
  if (refused !== undefined && query.error === null)
    return (
      <Page title="Run">
        <Problem error={refused} />
      </Page>
    );
  if (query.data === undefined || query.error?.status === 404)
    return (
      <Page title="Run">
        {query.error === null ? <Loaded query={query}>{() => null}</Loaded> : <Problem error={query.error} />}
      </Page>
    );
  return <Known run={query.data} state={state} broken={broken} />;
}

function Known({ run, state, broken }: { run: Shown["RunDetail"]; state: RunState; broken: boolean }) {
  const over = isOver(run.status);
  return (
    <Page
      title={run.parent_run_id !== null ? run.agent : shortened(run.task)}
      above={<Above run={run} />}
      actions={
        <>
          <Controls run={run} />
          <Button component="a" href={`/runs/${run.id}/export`} download={`run-${run.id}.json`} variant="default">
            Export
          </Button>
        </>
      }
    >
      {broken && !over ? (
        <Alert color="yellow" role="status">
          The stream of this run is away and is being opened again. What is shown may be old.
        </Alert>
      ) : null}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <Facts run={run} />
        <BurnDown run={run} state={state} />
      </SimpleGrid>
      {over ? <Result run={run} /> : null}
      <Asked run={run} />
      <Speaking state={state} />
      <PlanSection run={run} state={state} />
      <Subagents run={run} state={state} />
      <StepTable run={run} />
      <Message run={run} />
      <Happened state={state} />
      <Text size="xs" c="dimmed">
        Run {run.id}
      </Text>
    </Page>
  );
}

/** A task as a title; in full it stands below. */
function shortened(task: string): string {
  return task.length > longestTitle ? `${task.slice(0, longestTitle - 1)}…` : task;
}

function Above({ run }: { run: Shown["RunDetail"] }) {
  return (
    <>
      <Anchor component={Link} to="/runs" inherit>
        Runs
      </Anchor>
      {run.parent_run_id === null ? null : (
        <>
          {" / "}
          <Anchor component={Link} to={`/runs/${run.root_run_id}`} inherit>
            the whole run
          </Anchor>
          {run.parent_run_id === run.root_run_id ? null : (
            <>
              {" / "}
              <Anchor component={Link} to={`/runs/${run.parent_run_id}`} inherit>
                the run that started it
              </Anchor>
            </>
          )}
        </>
      )}
    </>
  );
}
