import { type AuditEntry, type Evidence, type ExportedRun, rootOf } from "../evidence.ts";

/**
 * Decisions without their reason, rule or entry in the audit trail, in words; empty when each has all three. Decisions are
 * starts and ends, permission requests and what came of them, tool calls, refusals, elevations used and bypasses.
 * @param evidence without audit entries (nobody may read them) only reasons and rules are looked at
 */
export function decisionFaults(evidence: Pick<Evidence, "runs" | "audit">): string[] {
  const reasons = evidence.runs.flatMap((run) => reasonFaults(run));
  const { audit } = evidence;
  if (audit === null) return reasons;
  const find = (run: ExportedRun, operation: string, outcomes: readonly string[], id: string) =>
    audit.find(
      (entry) =>
        entry.act === `run:${run.id}` &&
        entry.operation === operation &&
        outcomes.includes(entry.outcome) &&
        entry.body.id === id,
    );
  return [
    ...reasons,
    ...startFaults(evidence, audit),
    ...evidence.runs.flatMap((run) => [
      ...expectedEntries(run).flatMap(({ operation, outcomes, id, what }) => {
        const entry = find(run, operation, outcomes, id);
        if (entry === undefined)
          return [ofRun(run, `${what} has no audit entry ${operation} (${outcomes.join(" or ")})`)];
        return hasText(entry.rule) ? [] : [ofRun(run, `the audit entry of ${what} has no rule`)];
      }),
      ...voteFaults(run, audit),
    ]),
  ];
}

const ofRun = (run: ExportedRun, fault: string): string => `${run.agent} ${run.id.slice(-6)}: ${fault}`;
const hasText = (value: unknown): boolean => typeof value === "string" && value !== "";

function reasonFaults(run: ExportedRun): string[] {
  const steps = run.steps
    .filter(({ step_type: type, error_msg: error }) => type === "tool_call" && error !== "the run has ended")
    .filter(({ decision }) => !hasText(decision?.rule) || !hasText(decision?.reason))
    .map(({ step_id: step }) => `the decision on step ${step} has no rule or no reason`);
  const asked = run.permission_requests.flatMap((request) => [
    ...(hasText(request.reason) ? [] : [`permission request ${request.request_id} does not say why`]),
    ...(request.decision === "pending" || (hasText(request.decision_reason) && request.decided_at !== null)
      ? []
      : [`what came of permission request ${request.request_id} has no reason or no time`]),
    ...(request.decision === "pending" ? [`permission request ${request.request_id} is still open`] : []),
  ]);
  const blocked = run.events
    .filter(({ type, payload }) => type === "blocked" && !(hasText(payload["rule"]) && hasText(payload["reason"])))
    .map(({ payload }) => `the event of the refused step ${String(payload["step_id"])} has no rule or no reason`);
  const passes = run.events
    .filter(({ type, payload }) => (type === "elevation_used" || type === "bypass") && !hasText(payload["rule"]))
    .map(({ type, payload }) => `${type} of step ${String(payload["step_id"])} has no rule`);
  return [...steps, ...asked, ...blocked, ...passes].map((fault) => ofRun(run, fault));
}

interface Expected {
  operation: string;
  outcomes: readonly string[];
  id: string;
  what: string;
}

function expectedEntries(run: ExportedRun): Expected[] {
  const ofSteps = run.steps.flatMap((step): Expected[] => {
    // A delegation is its subagent's own beginning and end.
    if (step.step_type !== "tool_call" || step.error_msg === "the run has ended") return [];
    if (step.child_run_id !== null || step.status === "unknown") return [];
    const outcomes = step.status === "refused" ? ["refused"] : step.status === "success" ? ["applied"] : ["failed"];
    const what = `step ${step.step_id} (${step.status})`;
    return [{ operation: "run.step", outcomes, id: `${run.id}/${step.step_id}`, what }];
  });
  const passes = run.events
    .filter(({ type }) => type === "elevation_used" || type === "bypass")
    .map(({ type, payload }): Expected => {
      const step = String(payload["step_id"]);
      return {
        operation: `run.${type}`,
        outcomes: ["applied"],
        id: `${run.id}/${step}`,
        what: `${type} of step ${step}`,
      };
    });
  const asked = run.permission_requests.flatMap(({ request_id: id, decision }): Expected[] => [
    { operation: "run.permission", outcomes: ["pending_approval"], id, what: `permission request ${id}` },
    { operation: "run.permission", outcomes: [decision], id, what: `what came of permission request ${id}` },
  ]);
  return [
    { operation: "run.started", outcomes: ["applied"], id: run.id, what: "its start" },
    {
      operation: run.status === "completed" ? "run.completed" : "run.failed",
      outcomes: [run.status === "completed" ? "applied" : run.status === "cancelled" ? "cancelled" : "failed"],
      id: run.id,
      what: "its end",
    },
    ...ofSteps,
    ...passes,
    ...asked,
  ];
}

/** The person's own request is an entry too. */
function startFaults(evidence: Pick<Evidence, "runs">, audit: readonly AuditEntry[]): string[] {
  const root = rootOf(evidence);
  const entry = audit.find(
    ({ operation, target, act }) => operation === "run.start" && target === `run:${root.id}` && act === null,
  );
  if (entry === undefined) return [ofRun(root, "nobody is recorded as having asked for it")];
  return entry.sub === root.requester_id && hasText(entry.rule)
    ? []
    : [ofRun(root, "the record of who asked for it names somebody else, or no rule")];
}

/** Whoever decided is another person than the one the run acts for. */
function voteFaults(run: ExportedRun, audit: readonly AuditEntry[]): string[] {
  return run.permission_requests
    .filter(({ decision }) => decision === "approved" || decision === "denied")
    .flatMap(({ request_id: id }) => {
      const votes = audit.filter(({ operation, approval_id: of }) => operation === "approval.vote" && of === id);
      if (votes.length === 0) return [ofRun(run, `no vote on permission request ${id} is recorded`)];
      return votes.some(({ sub }) => sub === run.requester_id)
        ? [ofRun(run, `the person it acts for voted on permission request ${id}`)]
        : [];
    });
}
