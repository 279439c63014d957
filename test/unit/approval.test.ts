import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchPolicies, operationMatches, type PolicyRule, policiesByOu } from "../../core/approval/policies.ts";
import {
  approverRoles,
  asksOneOf,
  type Ballot,
  castVote,
  type Requirement,
  type Vote,
  votingRoots,
} from "../../core/approval/votes.ts";

const policy = (id: string, ouId: string, operations: string[], more: Partial<PolicyRule> = {}): PolicyRule => ({
  id,
  version: 1,
  name: id,
  ouId,
  operations,
  approverRole: "Approver",
  approvalsNeeded: 1,
  expiresAfterSeconds: 60,
  enabled: true,
  ...more,
});

describe("which policies stop an operation", () => {
  test.each<[string, string, boolean]>([
    ["agent.create", "agent.create", true],
    ["agent.create", "agent.created", false],
    ["agent.*", "agent.create", true],
    ["agent.*", "agents.create", false],
    ["agent.*", "agent", false],
    ["*", "anything.at_all", true],
    ["", "agent.create", false],
  ])("pattern %j against %j: %j", (pattern, operation, matches) => {
    expect(operationMatches(pattern, operation)).toBe(matches);
  });

  test("those of its OU and the OUs above, the nearest first, whatever order they come in", () => {
    const policies = [
      policy("root", "o-root", ["*"]),
      policy("near", "o-sales", ["agent.*"]),
      policy("sibling", "o-hr", ["*"]),
      policy("below", "o-emea", ["*"]),
      policy("off", "o-sales", ["*"], { enabled: false }),
      policy("other", "o-sales", ["ou.create"]),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(policies, { minLength: policies.length }), (shuffled) => {
        const matched = matchPolicies(policiesByOu(shuffled), "agent.create", ["o-root", "o-sales"]);
        expect(matched.map((rule) => rule.id)).toEqual(["near", "root"]);
      }),
    );
  });
});

const now = new Date("2026-01-01T12:00:00Z");
const requirement = (approverRole: string, approvalsNeeded: number): Requirement => ({
  policyId: approverRole,
  policyVersion: 1,
  policyName: approverRole,
  approverRole,
  approvalsNeeded,
});
const ballot = (more: Partial<Ballot> = {}): Ballot => ({
  status: "pending",
  requesterId: "requester",
  requirements: [requirement("Approver", 1)],
  digest: "d",
  expiresAt: new Date(now.getTime() + 1000),
  votes: [],
  ...more,
});
const vote = (more: Partial<Vote> = {}): Vote => ({
  principalId: "voter",
  decision: "approve",
  roles: ["Approver"],
  delegated: false,
  digest: "d",
  now,
  ...more,
});
const cast = (principalId: string, roles = ["Approver"]) => ({ principalId, decision: "approve" as const, roles });

describe("a vote", () => {
  test.each<[string, Partial<Ballot>, Partial<Vote>, string]>([
    ["that is the only one needed", {}, {}, "approved"],
    ["of two needed, the first", { requirements: [requirement("Approver", 2)] }, {}, "pending"],
    ["of two needed, the second", { requirements: [requirement("Approver", 2)], votes: [cast("a")] }, {}, "approved"],
    [
      "that meets one of two policies",
      { requirements: [requirement("Approver", 1), requirement("OrgAdmin", 1)] },
      {},
      "pending",
    ],
    [
      "of somebody who holds both roles",
      { requirements: [requirement("Approver", 1), requirement("OrgAdmin", 1)] },
      { roles: ["OrgAdmin", "Approver"] },
      "approved",
    ],
    [
      "to deny, whatever came before",
      { requirements: [requirement("Approver", 3)], votes: [cast("a"), cast("b")] },
      { decision: "deny" },
      "denied",
    ],
    ["a moment before the end", {}, { now: new Date(now.getTime() + 999) }, "approved"],
    ["that is delegated", {}, { delegated: true }, "forbidden"],
    ["of the requester, with every role", {}, { principalId: "requester" }, "forbidden"],
    ["of somebody without the role", {}, { roles: ["OrgAdmin"] }, "forbidden"],
    ["on what was decided", { status: "approved" }, {}, "conflict"],
    ["on what was withdrawn", { status: "cancelled" }, {}, "conflict"],
    ["at the very end", {}, { now: new Date(now.getTime() + 1000) }, "gone"],
    ["a second time", { requirements: [requirement("Approver", 2)], votes: [cast("voter")] }, {}, "conflict"],
    ["with another digest", {}, { digest: "e" }, "conflict"],
  ])("%s", (_, ballotMore, voteMore, expected) => {
    const outcome = castVote(ballot(ballotMore), vote(voteMore));
    expect(outcome.accepted ? outcome.status : outcome.code).toBe(expected);
  });

  test("never approves before every policy has its number of different approvers", () => {
    const roles = ["Approver", "OrgAdmin", "Auditor"];
    const requirements = fc.array(
      fc.record({ role: fc.constantFrom(...roles), needed: fc.integer({ min: 1, max: 3 }) }),
      { minLength: 1, maxLength: 3 },
    );
    const voters = fc.array(
      fc.record({ who: fc.constantFrom("a", "b", "c", "d", "requester"), roles: fc.subarray(roles) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(requirements, voters, (wanted, people) => {
        let current = ballot({ requirements: wanted.map(({ role, needed }) => requirement(role, needed)) });
        for (const { who, roles: held } of people) {
          const outcome = castVote(current, vote({ principalId: who, roles: held }));
          if (!outcome.accepted) continue;
          current = { ...current, status: outcome.status, votes: [...current.votes, cast(who, held)] };
        }
        const met = wanted.every(({ role, needed }) => {
          const different = new Set(
            current.votes.filter((one) => one.roles.includes(role)).map((one) => one.principalId),
          );
          return different.size >= needed;
        });
        expect(current.status).toBe(met ? "approved" : "pending");
        expect(current.votes.some((one) => one.principalId === "requester")).toBe(false);
      }),
    );
  });
});

test("where a person's roles count is where they count at each OU", () => {
  // A tree of OUs: the one of a number lies under half of it.
  const lineOf = (n: number): string[] => (n === 1 ? ["1"] : [...lineOf(n >> 1), String(n)]);
  const ou = fc.integer({ min: 1, max: 15 });
  const role = fc.constantFrom("Approver", "OrgAdmin", "Auditor");
  const held = fc.array(fc.record({ role, ou_id: ou.map(String) }), { maxLength: 4 });
  const asked = fc.array(fc.record({ role, also: fc.option(ou, { nil: undefined }) }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(held, asked, (roles, wanted) => {
      const requirements = wanted.map((one) => ({
        ...requirement(one.role, 1),
        ...(one.also === undefined ? {} : { alsoAt: lineOf(one.also) }),
      }));
      const roots = votingRoots(roles, requirements);
      for (let n = 1; n <= 15; n += 1) {
        const counts = roots === "anywhere" || lineOf(n).some((above) => roots.includes(above));
        expect(counts).toBe(asksOneOf(requirements, approverRoles(roles, lineOf(n), requirements)));
      }
    }),
    { numRuns: 2_000 },
  );
});
