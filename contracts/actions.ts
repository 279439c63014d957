import { z } from "zod";
import { longText, shortText } from "./fields.ts";
import { runInput, runView } from "./runs.ts";
import { approvalView, sessionView } from "./views.ts";

/**
 * Actions that are audited and idempotent but are not governed mutations: they have no approval of their own and run
 * without a `provision` workflow. One table, so that routes, OpenAPI and CLI agree.
 */
export interface ActionDeclaration {
  name: string;
  summary: string;
  path: string;
  command: string;
  input: z.ZodObject;
  output: z.ZodType;
  status: 200 | 201 | 202;
}

const invocationView = z
  .object({
    session_id: z.uuid(),
    websocket_url: z.string().describe("Carries a single-use ticket; append ?after= to resume from a position"),
    status: sessionView.shape.status,
    final_message: z.string().nullable().describe("With mode wait, when it came in time"),
  })
  .meta({ id: "Invocation" });

const accepted = z.object({ id: z.string(), status: z.literal("accepted") }).meta({ id: "Accepted" });

export const actions = [
  {
    name: "agent.invoke",
    summary: "Open a session with an agent; it acts for you",
    path: "/agents/:agent_id/invoke",
    command: "agents invoke",
    input: z.object({
      agent_id: z.uuid(),
      prompt: longText.min(1),
      mode: z
        .enum(["fire_and_forget", "wait"])
        .default("fire_and_forget")
        .describe("wait: answer with the final message"),
      wait_seconds: z.int().min(1).max(300).default(60).describe("How long mode wait waits"),
      idle_timeout_seconds: z.int().min(10).max(604_800).default(28_800),
    }),
    output: invocationView,
    status: 201,
  },
  {
    name: "agent.reconcile",
    summary: "Have an agent compared with the provider now, and put right there",
    path: "/agents/:agent_id/reconcile",
    command: "agents reconcile",
    input: z.object({ agent_id: z.uuid() }),
    output: accepted,
    status: 202,
  },
  {
    name: "session.message",
    summary: "Say something more in a session of yours",
    path: "/sessions/:session_id/messages",
    command: "sessions message",
    input: z.object({ session_id: z.uuid(), text: longText.min(1) }),
    output: accepted,
    status: 202,
  },
  {
    name: "session.interrupt",
    summary: "Stop what a session is doing now; it stays open",
    path: "/sessions/:session_id/interrupt",
    command: "sessions interrupt",
    input: z.object({ session_id: z.uuid() }),
    output: accepted,
    status: 202,
  },
  {
    name: "session.end",
    summary: "End a session: its bearers stop working at once, its credentials are destroyed",
    path: "/sessions/:session_id/end",
    command: "sessions end",
    input: z.object({ session_id: z.uuid(), reason: shortText.optional() }),
    output: sessionView,
    status: 200,
  },
  {
    name: "session.ticket",
    summary: "A new single-use ticket for a session's stream",
    path: "/sessions/:session_id/ticket",
    command: "sessions ticket",
    input: z.object({ session_id: z.uuid() }),
    output: z.object({ websocket_url: z.string() }),
    status: 201,
  },
  {
    name: "run.start",
    summary: "Start a run of agents on a task, under a budget; it acts for you",
    path: "/runs",
    command: "runs start",
    input: runInput,
    output: runView,
    status: 201,
  },
  {
    name: "run.message",
    summary: "Say something to a run of yours; its agent reads it before its next answer",
    path: "/runs/:run_id/messages",
    command: "runs message",
    input: z.object({ run_id: z.uuid(), text: longText.min(1) }),
    output: accepted,
    status: 202,
  },
  {
    name: "run.pause",
    summary: "Pause a run before its next step",
    path: "/runs/:run_id/pause",
    command: "runs pause",
    input: z.object({ run_id: z.uuid() }),
    output: accepted,
    status: 202,
  },
  {
    name: "run.resume",
    summary: "Let a paused run go on",
    path: "/runs/:run_id/resume",
    command: "runs resume",
    input: z.object({ run_id: z.uuid() }),
    output: accepted,
    status: 202,
  },
  {
    name: "run.cancel",
    summary: "End a run and its subagents; what they hold is given back",
    path: "/runs/:run_id/cancel",
    command: "runs cancel",
    input: z.object({ run_id: z.uuid(), reason: shortText.optional() }),
    output: accepted,
    status: 202,
  },
  {
    name: "approval.vote",
    summary: "Approve or deny what waits; the digest names exactly what you have seen",
    path: "/approvals/:request_id/votes",
    command: "approvals vote",
    input: z.object({
      request_id: z.string().max(200),
      decision: z.enum(["approve", "deny"]),
      digest: z.string().length(64),
      reason: shortText.optional().describe("Required to deny"),
    }),
    output: approvalView,
    status: 200,
  },
  {
    name: "request.cancel",
    summary: "Withdraw a request of yours that waits for approval",
    path: "/requests/:request_id/cancel",
    command: "requests cancel",
    input: z.object({ request_id: z.string().max(200), reason: shortText.optional() }),
    output: approvalView,
    status: 200,
  },
] as const satisfies readonly ActionDeclaration[];

export type ActionName = (typeof actions)[number]["name"];
