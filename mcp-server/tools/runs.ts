import { z } from "zod";
import { mostSteps, runToolOperations } from "../../contracts/run-tools.ts";
import { runDetailView, runView } from "../../contracts/runs.ts";
import { failureOf, jsonOf } from "../api-requests.ts";
import type { OperationClient } from "../delegation.ts";
import { idempotencyKey } from "./mutate.ts";
import type { RunToolFunction } from "./tool-call.ts";

/** Starts a run. Asked again with equal arguments in the same session it is the same run: a repetition costs money. */
export const startRun: RunToolFunction<"start_run"> = async (caller, input) => {
  const { idempotency_key, ...body } = input;
  const client = await caller.delegate(runToolOperations.start_run);
  const answer = await client.post("/runs", body, {
    "idempotency-key": idempotency_key ?? idempotencyKey(caller.session, "start_run", input),
  });
  if (answer.status !== 201) throw failureOf(answer);
  const run = runView.parse(jsonOf(answer));
  const message =
    run.completed_at === null
      ? `Run \`${run.id}\` of agent \`${run.agent}\` works in \`${run.ou_path}\`. Call wait_run to learn when it ends.`
      : `This call has started run \`${run.id}\` before, and it has ended: ${run.status}. To run the task again, give a new idempotency_key.`;
  return { message, run };
};

/** One run with its latest steps. */
export const getRun: RunToolFunction<"get_run"> = async (caller, { run_id }) => {
  const { input: _, steps, ...run } = await readRun(await caller.delegate(runToolOperations.get_run), run_id);
  return { ...run, steps: steps.slice(-mostSteps), steps_truncated: steps.length > mostSteps };
};

const page = z.object({ data: z.array(runView), next_cursor: z.string().nullable() });

/** The newest runs of the person. */
export const listRuns: RunToolFunction<"list_runs"> = async (caller, { status, limit }) => {
  const client = await caller.delegate(runToolOperations.list_runs);
  const answer = await client.get("/runs", { status, limit });
  if (answer.status !== 200) throw failureOf(answer);
  const { data, next_cursor } = page.parse(jsonOf(answer));
  return { runs: data, more: next_cursor !== null };
};

/** Ends a run of the person. */
export const cancelRun: RunToolFunction<"cancel_run"> = async (caller, input) => {
  const { run_id, reason } = input;
  const client = await caller.delegate(runToolOperations.cancel_run);
  const body = reason === undefined ? {} : { reason };
  const answer = await client.post(`/runs/${run_id}/cancel`, body, {
    "idempotency-key": idempotencyKey(caller.session, "cancel_run", input),
  });
  if (answer.status !== 202) throw failureOf(answer);
  return {
    status: "accepted",
    message: `Run \`${run_id}\` and its subagents' runs are being ended. Until that is done, in a moment, it is shown as it was; wait_run says when.`,
    run_id,
  };
};

/** A run as the API tells of it. */
export async function readRun(client: OperationClient, id: string): Promise<z.output<typeof runDetailView>> {
  const answer = await client.get(`/runs/${id}`);
  if (answer.status !== 200) throw failureOf(answer);
  return runDetailView.parse(jsonOf(answer));
}
