import { z } from "zod";
import { shortText } from "./fields.ts";
import { runDetailView, runInput, runStatuses, runView } from "./runs.ts";

/** Inputs and outputs of the five tools of `powerloom_runs`. */

/** The one operation each tool stands for: what a delegated token of `powerloom_runs` may name, and nothing else. */
export const runToolOperations = {
  start_run: "run.start",
  get_run: "run.get",
  wait_run: "run.get",
  list_runs: "run.list",
  cancel_run: "run.cancel",
} as const;

export type RunToolName = keyof typeof runToolOperations;

const run_id = z.uuid().describe("From start_run or list_runs");

/** In lists, an answer of each would be many answers. */
const listedRun = runView.omit({ output: true });

/** How many of a run's steps, and of its files, a tool handles: a model reads and writes all of them. */
export const mostSteps = 50;
const mostFiles = 200;

export const runToolInputs = {
  start_run: runInput.pick({ task: true, agent: true, ou: true, budget: true }).extend({
    files: z
      .array(runInput.shape.files.unwrap().element)
      .max(mostFiles)
      .default([])
      .describe("What its workspace begins with; about 700 kB together"),
    idempotency_key: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/, "1 to 200 visible ASCII characters")
      .optional()
      .describe("Names this start: the same key never starts a second run. Default: made from the arguments"),
  }),
  get_run: z.object({ run_id }),
  wait_run: z.object({
    run_id,
    timeout_seconds: z.int().min(1).max(50).default(30).describe("How long to wait at most"),
  }),
  list_runs: z.object({
    status: z.enum(runStatuses).optional().describe("Only runs in this state"),
    limit: z.int().min(1).max(100).default(20).describe("How many, newest first"),
  }),
  cancel_run: z.object({
    run_id,
    reason: shortText.optional().describe("Why, for the audit trail"),
  }),
} as const satisfies Record<RunToolName, z.ZodObject>;

const message = z.string().describe("How it stands and what to do next, in sentences to pass on");

export const runToolOutputs = {
  start_run: z.object({ message, run: runView }),
  get_run: runDetailView.omit({ input: true, children: true }).extend({
    steps: runDetailView.shape.steps.describe(`The latest ${mostSteps}`),
    steps_truncated: z.boolean().describe("Whether steps before those shown are left out"),
    children: z.array(listedRun).describe("Its subagents' runs, and theirs"),
  }),
  wait_run: z.object({
    outcome: z
      .enum(["ended", "waiting_for_person", "still_running"])
      .describe("Why the waiting is over: the run has ended, a person must act first, or the time is up"),
    message,
    waiting: z
      .array(
        z.object({
          run_id: z.uuid().describe("The run itself, or a subagent's"),
          agent: z.string(),
          request_id: z.string().nullable().describe("What approvers must decide; null when it is paused"),
        }),
      )
      .describe("Who waits for a person"),
    run: runView,
  }),
  list_runs: z.object({ runs: z.array(listedRun), more: z.boolean().describe("Whether there are more than `limit`") }),
  cancel_run: z.object({ status: z.literal("accepted"), message, run_id: z.uuid() }),
} as const satisfies Record<RunToolName, z.ZodObject>;
