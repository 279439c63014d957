import { describe, expect, test } from "vitest";
import { decisionFaults } from "../../evals/checker/decisions.ts";
import { traceFaults } from "../../evals/checker/trace.ts";
import type { AuditEntry, Evidence, ExportedRun } from "../../evals/evidence.ts";
import { auditOf, eventOf, evidenceOf, runOf, toolStep } from "./evals-evidence.ts";

const child = "run-2";

/** A run with one tool call, one refusal, one permission request and one subagent, all of it on record. */
function whole(): { root: ExportedRun; sub: ExportedRun; audit: AuditEntry[] } {
  const answered = { ...toolStep("", {}), step_type: "model_call" as const, step_id: "main/1", tool_name: null };
  const refusal = { verdict: "refuse", rule: "tool-allowed", reason: "it is not listed" };
  const root = runOf({
    steps: [
      answered,
      toolStep("write_file", {}, { step_id: "main/1.1" }),
      toolStep("execute_command", {}, { step_id: "main/1.2", status: "refused", decision: refusal }),
      toolStep("delegate", {}, { step_id: "main/1.3", child_run_id: child }),
    ],
    permission_requests: [
      {
        request_id: "perm_1",
        step_id: "main/1.1",
        tool_name: "write_file",
        reason: "it writes",
        decision: "approved",
        decision_reason: "approved",
        decided_at: "2026-01-01T00:00:03.000Z",
      },
    ],
    events: [
      eventOf(1, "run_started"),
      eventOf(2, "model_answered", { step_id: "main/1" }),
      eventOf(3, "elevation_used", { step_id: "main/1.1", rule: "elevation:1" }),
      eventOf(4, "run_step", { step_id: "main/1.1" }),
      eventOf(5, "blocked", { step_id: "main/1.2", rule: "tool-allowed", reason: "it is not listed" }),
      eventOf(6, "subagent_started", { step_id: "main/1.3", child_run_id: child }),
      eventOf(9, "subagent_ended", { step_id: "main/1.3", child_run_id: child }),
      eventOf(10, "run_completed"),
    ],
  });
  const sub = runOf({
    id: child,
    parent_run_id: "run-1",
    agent: "planner",
    events: [eventOf(7, "run_started"), eventOf(8, "run_completed")],
  });
  const audit = [
    auditOf({ id: "run-1", act: null, operation: "run.start", target: "run:run-1", outcome: "accepted" }),
    auditOf({ id: "run-1", operation: "run.started" }),
    auditOf({ id: "run-1", operation: "run.completed" }),
    auditOf({ id: "run-1/main/1.1" }),
    auditOf({ id: "run-1/main/1.1", operation: "run.elevation_used" }),
    auditOf({ id: "run-1/main/1.2", outcome: "refused" }),
    auditOf({ id: "perm_1", operation: "run.permission", outcome: "pending_approval" }),
    auditOf({ id: "perm_1", operation: "run.permission", outcome: "approved" }),
    auditOf({ id: "perm_1", operation: "approval.vote", act: null, sub: "ben", approval_id: "perm_1" }),
    auditOf({ id: child, operation: "run.started", act: `run:${child}` }),
    auditOf({ id: child, operation: "run.completed", act: `run:${child}` }),
  ];
  return { root, sub, audit };
}

const without = <T>(list: readonly T[], keep: (item: T) => boolean): T[] => list.filter((item) => !keep(item));

describe("the trace", () => {
  test("is complete when every run, step and subagent is on record", () => {
    const { root, sub } = whole();
    expect(traceFaults(evidenceOf([root, sub]))).toEqual([]);
  });

  test.each<[what: string, break_: (root: ExportedRun, sub: ExportedRun) => void, fault: RegExp]>([
    ["a run without its start", (root) => root.events.shift(), /run_started is not its first event/],
    ["a run without its end", (root) => root.events.pop(), /run_completed is not its last event/],
    ["an end of the wrong kind", (root) => (root.status = "stopped"), /run_failed is not its last event/],
    ["an end without a reason", (root) => (root.reason = null), /no rule and reason/],
    [
      "a model call without an event",
      (root) => (root.events = without(root.events, ({ type }) => type === "model_answered")),
      /step main\/1 \(success\) has not one event model_answered/,
    ],
    [
      "a tool call without an event",
      (root) => (root.events = without(root.events, ({ type }) => type === "run_step")),
      /has not one event run_step/,
    ],
    [
      "a refusal without an event",
      (root) => (root.events = without(root.events, ({ type }) => type === "blocked")),
      /has not one event blocked/,
    ],
    ["an event of no step", (root) => root.steps.shift(), /names step main\/1, which is not there/],
    ["a step that was left open", (root) => Object.assign(root.steps[1] ?? {}, { status: "running" }), /still running/],
    ["a subagent that no step names", (root) => root.steps.pop(), /0 steps of its parent name it/],
    [
      "a subagent that no event names",
      (root) => (root.events = without(root.events, ({ type }) => type === "subagent_started")),
      /0 events of its parent name it/,
    ],
    [
      "a subagent that names another parent",
      (_, sub) => (sub.parent_run_id = "run-9"),
      /does not name it as its parent/,
    ],
    ["a second trace id", (_, sub) => (sub.trace_id = "f".repeat(32)), /another trace id/],
    ["a gap in the stream", (_, sub) => Object.assign(sub.events[0] ?? {}, { position: 70 }), /gap or a double/],
  ])("%s is found", (_, break_, fault) => {
    const { root, sub } = whole();
    break_(root, sub);
    expect(traceFaults(evidenceOf([root, sub])).join("\n")).toMatch(fault);
  });
});

describe("decisions", () => {
  const faults = ({ root, sub, audit }: ReturnType<typeof whole>): string =>
    decisionFaults({ runs: [root, sub], audit } satisfies Pick<Evidence, "runs" | "audit">).join("\n");

  test("have a reason, a rule and an entry", () => {
    expect(faults(whole())).toBe("");
  });

  test("are judged by reasons and rules alone where nobody may read the trail", () => {
    const { root, sub } = whole();
    expect(decisionFaults({ runs: [root, sub], audit: null })).toEqual([]);
  });

  test.each([
    ["run.start", /nobody is recorded as having asked/],
    ["run.started", /its start has no audit entry/],
    ["run.completed", /its end has no audit entry/],
    ["run.step", /step main\/1\.1 \(success\) has no audit entry[\s\S]*step main\/1\.2 \(refused\) has no audit entry/],
    ["run.elevation_used", /elevation_used of step main\/1\.1 has no audit entry/],
    ["run.permission", /permission request perm_1 has no audit entry[\s\S]*what came of permission request perm_1/],
    ["approval.vote", /no vote on permission request perm_1/],
  ])("without the audit entry %s are found", (operation, fault) => {
    const made = whole();
    made.audit = without(made.audit, (entry) => entry.operation === operation);
    expect(faults(made)).toMatch(fault);
  });

  test.each<[what: string, break_: (made: ReturnType<typeof whole>) => void, fault: RegExp]>([
    [
      "a refusal without a reason",
      ({ root }) => Object.assign(root.steps[2] ?? {}, { decision: { rule: "r" } }),
      /no rule or no reason/,
    ],
    [
      "a blocked event without a rule",
      ({ root }) => Object.assign(root.events[4]?.payload ?? {}, { rule: "" }),
      /refused step main\/1\.2/,
    ],
    [
      "an elevation without a rule",
      ({ root }) => Object.assign(root.events[2]?.payload ?? {}, { rule: "" }),
      /elevation_used of step main\/1\.1 has no rule/,
    ],
    [
      "a request that is still open",
      ({ root }) => Object.assign(root.permission_requests[0] ?? {}, { decision: "pending" }),
      /still open/,
    ],
    [
      "a request that does not say why",
      ({ root }) => Object.assign(root.permission_requests[0] ?? {}, { reason: "" }),
      /does not say why/,
    ],
    [
      "an entry without a rule",
      ({ audit }) => Object.assign(audit[3] ?? {}, { rule: null }),
      /step main\/1\.1 \(success\) has no rule/,
    ],
    [
      "a vote by the requester",
      ({ audit }) => Object.assign(audit[8] ?? {}, { sub: "rita" }),
      /the person it acts for voted/,
    ],
  ])("%s is found", (_, break_, fault) => {
    const made = whole();
    break_(made);
    expect(faults(made)).toMatch(fault);
  });

  test("a bypass without an entry is found", () => {
    const made = whole();
    made.root.events.splice(3, 0, eventOf(11, "bypass", { step_id: "main/1.1", rule: "mode-bypass" }));
    expect(faults(made)).toMatch(/bypass of step main\/1\.1 has no audit entry run\.bypass/);
  });
});
