import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";

/** Names and arguments by which the outside talks to workflows. None carries a transcript, a secret or a decision. */

/** The row this workflow works on may have changed: look at it again. Never evidence of anything. */
export const lookAgain = defineSignal("lookAgain");

/** Awaits the outcome of a mutation: its status, to be read from the row. */
export const submit = defineUpdate<string>("submit");

export interface WorkflowStatus {
  phase: string;
  detail: string;
}

/** What the workflow is doing now, for people and tests. */
export const status = defineQuery<WorkflowStatus>("status");

export const taskQueues = { main: "powerloom", streams: "powerloom-streams" } as const;

/** The default of 10 s is the time it takes to recover from a killed worker. */
export const workflowTaskTimeout = "3s";
