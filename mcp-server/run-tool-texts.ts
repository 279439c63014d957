import type { RunToolName } from "../contracts/run-tools.ts";
import type { ToolText } from "./tool-texts.ts";

/** The five tools in the order they are listed. */
export const runToolTexts: Record<RunToolName, ToolText> = {
  start_run: {
    title: "Start a run",
    description:
      "Starts a run of agents on a task, under a budget, for the person you act for, and answers at once; follow it with wait_run. The same call in the same conversation is the same run and never starts a second one: to repeat a task, give a new `idempotency_key`. What the run does is checked against the person's rights, and some of it waits for approval by people.",
    reads: false,
    destructive: true,
    openWorld: true,
  },
  get_run: {
    title: "Look at a run",
    description:
      "One run by id: state, plan, latest steps with the decision on each, output, what it has used of its budget, and its subagents' runs. To learn when it ends, use wait_run instead of asking again and again.",
    reads: true,
  },
  wait_run: {
    title: "Wait for a run",
    description:
      "Waits until a run has ended, or a person must act before it goes on, or `timeout_seconds` (1 to 50) are over. `outcome` says which, `message` what to do. When the time is over, call it again. When a person must act, tell them and do not call again to hurry it: nothing here can decide for them.",
    reads: true,
  },
  list_runs: {
    title: "List runs",
    description:
      "The runs of the person you act for, newest first, without their outputs and without subagents' runs; `status` narrows it. Look here for a run whose id you do not know.",
    reads: true,
  },
  cancel_run: {
    title: "Cancel a run",
    description:
      "Ends a run and its subagents' runs; what they have not used of their budgets is given back. What was done stays done. It is accepted at once and over soon after: wait_run says when. A run that has ended cannot be cancelled.",
    reads: false,
    destructive: true,
  },
};
