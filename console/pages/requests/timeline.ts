import type { components } from "../../../contracts/generated/api.ts";

type Shown = components["schemas"];

/** One step on the way of a change. */
export interface TimelineStep {
  key: string;
  /** Done, going on or waited for, or the end of it. */
  state: "done" | "waiting" | "failed";
  title: string;
  at: string | null;
  who: string | null;
  note: string | null;
}

type Request = Pick<
  Shown["Request"],
  "status" | "created_at" | "expires_at" | "finished_at" | "requester_email" | "reason" | "problem" | "result"
>;
type Approval = Pick<
  Shown["Approval"],
  "status" | "policy" | "approver_role" | "approvals_needed" | "created_at" | "votes"
>;
type Agent = Pick<Shown["AgentState"], "sync_state" | "generation" | "synced_generation" | "sync_error" | "checked_at">;

/**
 * The way of a change from intent to outcome.
 * @param approval when people were asked
 * @param agent the agent it made or changed, as it stands with the provider
 */
export function timelineOf(request: Request, approval?: Approval, agent?: Agent): TimelineStep[] {
  const steps: TimelineStep[] = [
    {
      key: "submitted",
      state: "done",
      title: "Asked for",
      at: request.created_at,
      who: request.requester_email,
      note: null,
    },
  ];
  if (approval !== undefined) steps.push(...approvalSteps(approval));
  const end = outcomeOf(request);
  if (end !== undefined) steps.push(end);
  if (request.status === "applied" && agent !== undefined) steps.push(syncStep(request, agent));
  return steps;
}

function approvalSteps({ created_at: at, policy, votes, ...approval }: Approval): TimelineStep[] {
  const steps: TimelineStep[] = [
    { key: "approval", state: "done", title: "Approval asked for", at, who: null, note: `By policy ${policy}` },
    ...votes.map((vote) => ({
      key: `vote-${vote.principal_id}`,
      state: vote.decision === "approve" ? ("done" as const) : ("failed" as const),
      title: vote.decision === "approve" ? "Approved" : "Denied",
      at: vote.at,
      who: vote.email,
      note: vote.reason,
    })),
  ];
  if (approval.status === "pending")
    steps.push({
      key: "waits",
      state: "waiting",
      title: "Waits for approval",
      at: null,
      who: null,
      note: `${approval.approvals_needed} by ${approval.approver_role} needed`,
    });
  return steps;
}

function outcomeOf({ status, finished_at: at, reason, problem }: Request): TimelineStep | undefined {
  const end = (state: TimelineStep["state"], title: string, note: string | null): TimelineStep => ({
    key: "outcome",
    state,
    title,
    at,
    who: null,
    note,
  });
  switch (status) {
    case "received":
      return end("waiting", "Is being carried out", null);
    case "pending_approval":
      return undefined;
    case "applied":
      return end("done", "Applied", null);
    case "refused":
      return end("failed", "Refused", detailOf(problem) ?? reason);
    case "denied":
      // By whom and why is said with the vote.
      return end("failed", "Not done: denied", null);
    case "expired":
      return end("failed", "Not done: expired", reason);
    case "cancelled":
      return end("failed", "Not done: withdrawn", reason);
  }
}

function syncStep(request: Request, agent: Agent): TimelineStep {
  const wanted = generationIn(request.result) ?? agent.generation;
  const step = { key: "sync", at: agent.checked_at, who: null };
  if (agent.synced_generation >= wanted)
    return { ...step, state: "done", title: "At the provider", note: `Generation ${wanted}` };
  if (agent.sync_state === "error")
    return {
      ...step,
      state: "failed",
      title: "The provider refused it",
      note: detailOf(agent.sync_error) ?? "It is tried again.",
    };
  return { ...step, at: null, state: "waiting", title: "On its way to the provider", note: `Generation ${wanted}` };
}

function generationIn(result: unknown): number | undefined {
  const given = typeof result === "object" && result !== null && "generation" in result ? result.generation : undefined;
  return typeof given === "number" ? given : undefined;
}

/** What a problem document says in words. */
function detailOf(problem: unknown): string | null {
  if (typeof problem !== "object" || problem === null) return null;
  for (const field of ["detail", "message", "title"]) {
    const text: unknown = problem[field as keyof typeof problem];
    if (typeof text === "string") return text;
  }
  return null;
}
