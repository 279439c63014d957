import { describe, expect, test } from "vitest";
import { type AuthorityEvidence, type BindingEvidence, decide, explainDenial } from "../../core/authority/decide.ts";
import { builtInRoles, grantingRoles, type Permission, roleNames } from "../../core/authority/roles.ts";

const now = new Date("2026-01-01T12:00:00Z");
const binding = (more: Partial<BindingEvidence> = {}): BindingEvidence => ({
  bindingId: "b1",
  role: "AgentBuilder",
  permissions: ["agent:create"],
  ouPath: "/acme",
  viaGroup: null,
  expiresAt: null,
  ...more,
});
const evidence = (more: Partial<AuthorityEvidence> = {}): AuthorityEvidence => ({
  permission: "agent:create",
  ouPath: "/acme/sales",
  now,
  principal: { id: "p1", email: "ann@acme.test", status: "active" },
  bindings: [binding()],
  ...more,
});

describe("a decision", () => {
  test.each<[string, Partial<AuthorityEvidence>, "allow" | "deny", string, string]>([
    ["a binding grants it", {}, "allow", "binding:b1", "AgentBuilder on /acme"],
    [
      "a group's binding grants it",
      { bindings: [binding({ viaGroup: "devs" })] },
      "allow",
      "binding:b1",
      "AgentBuilder on /acme through group devs",
    ],
    [
      "it has not expired yet",
      { bindings: [binding({ expiresAt: new Date(now.getTime() + 1) })] },
      "allow",
      "binding:b1",
      "AgentBuilder on /acme",
    ],
    [
      "it expires at this very moment",
      { bindings: [binding({ expiresAt: now })] },
      "deny",
      "binding-expired",
      "the binding that granted agent:create has expired",
    ],
    [
      "one has expired, another holds",
      { bindings: [binding({ bindingId: "old", expiresAt: new Date(0) }), binding({ bindingId: "b2" })] },
      "allow",
      "binding:b2",
      "AgentBuilder on /acme",
    ],
    [
      "bindings grant other things",
      { bindings: [binding({ permissions: ["agent:read"] })] },
      "deny",
      "no-binding",
      "no binding of ann@acme.test grants agent:create on /acme/sales",
    ],
    [
      "an expired one grants other things",
      { bindings: [binding({ permissions: ["agent:read"], expiresAt: new Date(0) })] },
      "deny",
      "no-binding",
      "no binding of ann@acme.test grants agent:create on /acme/sales",
    ],
    [
      "there are none",
      { bindings: [] },
      "deny",
      "no-binding",
      "no binding of ann@acme.test grants agent:create on /acme/sales",
    ],
    [
      "the person is suspended",
      { principal: { id: "p1", email: "ann@acme.test", status: "suspended" } },
      "deny",
      "principal-suspended",
      "ann@acme.test is suspended",
    ],
    [
      "the person is unknown",
      { principal: null },
      "deny",
      "principal-unknown",
      "the principal does not exist in this organisation",
    ],
  ])("when %s", (_, more, effect, rule, reason) => {
    expect(decide(evidence(more))).toMatchObject({ effect, rule, reason });
  });

  test("to deny says what is missing, where, and who could grant it, in a sentence", () => {
    const granters = [{ email: "root@acme.test", role: "OUAdmin", ouPath: "/acme" }];
    const decision = decide(evidence({ bindings: [], granters }));
    if (decision.effect !== "deny") throw new Error("it was allowed");
    expect(decision).toMatchObject({
      missing: { permission: "agent:create", ou: "/acme/sales" },
      whoCanGrant: granters,
    });
    expect(explainDenial(decision)).toBe(
      "insufficient permissions. You need `agent:create` on `/acme/sales` to do this. " +
        "Ask an OUAdmin to grant a binding, or act in an OU where you have access.",
    );
  });
});

describe("who can hand a permission out", () => {
  test.each<[Permission, string[]]>([
    ["agent:create", ["OrgAdmin", "OUAdmin"]],
    ["ou:read", ["OrgAdmin", "OUAdmin"]],
    ["binding:create", ["OrgAdmin", "OUAdmin"]],
    // OUAdmin holds these, but no role they could bind without more.
    ["request:read", ["OrgAdmin", "OUAdmin"]],
    ["policy:create", ["OrgAdmin"]],
    ["approval:vote", ["OrgAdmin"]],
    ["audit:read", ["OrgAdmin"]],
    ["organisation:administer", ["OrgAdmin"]],
  ])("%s: %j", (permission, roles) => {
    expect(grantingRoles(permission)).toEqual(roles);
  });

  test("OrgAdmin can hand out everything, and no role holds what nobody can hand out", () => {
    for (const role of roleNames)
      for (const permission of builtInRoles[role].permissions) expect(grantingRoles(permission)).toContain("OrgAdmin");
  });
});
