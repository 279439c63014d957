import { describe, expect, test } from "vitest";
import { bindsInWords, span } from "../../../console/pages/policies/binds.ts";
import { timelineOf } from "../../../console/pages/requests/timeline.ts";

type Request = Parameters<typeof timelineOf>[0];
type Approval = NonNullable<Parameters<typeof timelineOf>[1]>;
type Agent = NonNullable<Parameters<typeof timelineOf>[2]>;

const request = (change: Partial<Request> = {}): Request => ({
  status: "applied",
  created_at: "2026-01-01T10:00:00.000Z",
  expires_at: "2026-01-08T10:00:00.000Z",
  finished_at: "2026-01-01T10:00:05.000Z",
  requester_email: "ada@acme.test",
  reason: null,
  problem: null,
  result: { generation: 3 },
  ...change,
});
const approval = (change: Partial<Approval> = {}): Approval => ({
  status: "pending",
  policy: "careful",
  approver_role: "Approver",
  approvals_needed: 2,
  created_at: "2026-01-01T10:00:01.000Z",
  votes: [],
  ...change,
});
const agent = (change: Partial<Agent> = {}): Agent => ({
  sync_state: "synced",
  generation: 3,
  synced_generation: 3,
  sync_error: null,
  checked_at: "2026-01-01T10:00:09.000Z",
  ...change,
});
const told = (...given: Parameters<typeof timelineOf>) =>
  timelineOf(...given).map(({ state, title, note }) => [state, title, note]);

describe("the way of a change", () => {
  test("done at once is two steps", () => {
    expect(told(request())).toEqual([
      ["done", "Asked for", null],
      ["done", "Applied", null],
    ]);
  });

  test("waiting says for whom, after the votes there are", () => {
    const votes: Approval["votes"] = [
      {
        principal_id: "1",
        email: "ben@acme.test",
        decision: "approve",
        reason: "fine",
        at: "2026-01-01T10:01:00.000Z",
      },
    ];
    expect(told(request({ status: "pending_approval", finished_at: null }), approval({ votes }))).toEqual([
      ["done", "Asked for", null],
      ["done", "Approval asked for", "By policy careful"],
      ["done", "Approved", "fine"],
      ["waiting", "Waits for approval", "2 by Approver needed"],
    ]);
  });

  test.each([
    ["denied", { reason: "no" }, ["failed", "Not done: denied", null]],
    ["expired", { reason: "nobody decided" }, ["failed", "Not done: expired", "nobody decided"]],
    ["cancelled", { reason: "not needed" }, ["failed", "Not done: withdrawn", "not needed"]],
    ["refused", { problem: { detail: "Missing permission." } }, ["failed", "Refused", "Missing permission."]],
    ["received", { finished_at: null }, ["waiting", "Is being carried out", null]],
  ] as const)("%s ends so", (status, change, expected) => {
    expect(told(request({ status, ...change })).at(-1)).toEqual(expected);
  });

  test.each([
    ["there", agent(), ["done", "At the provider", "Generation 3"]],
    ["newer there", agent({ generation: 5, synced_generation: 5 }), ["done", "At the provider", "Generation 3"]],
    [
      "not yet",
      agent({ sync_state: "pending", synced_generation: 2 }),
      ["waiting", "On its way to the provider", "Generation 3"],
    ],
    [
      "refused",
      agent({ sync_state: "error", synced_generation: 2, sync_error: { message: "no such model" } }),
      ["failed", "The provider refused it", "no such model"],
    ],
  ] as const)("the agent's state with the provider is its last step: %s", (_, state, expected) => {
    expect(told(request(), undefined, state).at(-1)).toEqual(expected);
  });
});

test.each([
  [604_800, "7 days"],
  [90_000, "1 day 1 hour"],
  [61, "1 minute 1 second"],
  [1, "1 second"],
])("%i seconds are %s", (seconds, words) => {
  expect(span(seconds)).toBe(words);
});

test("a policy says whom it binds, in how many votes, and that it is off", () => {
  const policy = {
    enabled: true,
    operations: ["agent.create", "agent.update"],
    ou_path: "/acme",
    approvals_needed: 2,
    approver_role: "Approver" as const,
    expires_after_seconds: 3600,
  };
  expect(bindsInWords(policy)).toBe(
    "Whoever asks for agent.create or agent.update in /acme or below, themselves or through an agent, waits until 2 other people who hold Approver there have approved it. What is not decided within 1 hour expires.",
  );
  expect(bindsInWords({ ...policy, approvals_needed: 1, enabled: false, operations: ["*"] })).toMatch(
    /^It is off and binds nobody\. .*any change.* 1 other person who holds Approver there has approved it/,
  );
});
