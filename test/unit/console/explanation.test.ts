import { expect, test } from "vitest";
import { explanationText } from "../../../console/pages/access/explanation.ts";

const asked = { permission: "agent:create", ou: "/acme/sales", principal: "emma@acme.com", binding_id: null };
const granters = [
  { email: "ada@acme.com", role: "OrgAdmin", ou: "/acme" },
  { email: "ben@acme.com", role: "OUAdmin", ou: "/acme/sales" },
];

test("a denial names the rule, the roles that would do, and who can give them", () => {
  const text = explanationText(
    { ...asked, effect: "deny", rule: "no-binding", reason: "no binding grants it", who_can_grant: granters },
    ["AgentBuilder", "OUAdmin", "OrgAdmin"],
  );
  expect(text).toBe(
    "emma@acme.com may not use agent:create at /acme/sales: no binding grants it (rule no-binding). " +
      "It comes with the roles AgentBuilder, OUAdmin or OrgAdmin. " +
      "ada@acme.com (OrgAdmin at /acme) or ben@acme.com (OUAdmin at /acme/sales) can grant it with a binding at /acme/sales or above.",
  );
});

test("a denial that nobody can change says so", () => {
  const text = explanationText({ ...asked, effect: "deny", rule: "no-binding", reason: "none", who_can_grant: [] }, [
    "OrgAdmin",
  ]);
  expect(text).toContain("Nobody can grant it there at present.");
});

test("to somebody suspended no role is recommended", () => {
  const text = explanationText(
    {
      ...asked,
      effect: "deny",
      rule: "principal-suspended",
      reason: "emma@acme.com is suspended",
      who_can_grant: granters,
    },
    ["OrgAdmin"],
  );
  expect(text).toBe(
    "emma@acme.com may not use agent:create at /acme/sales: emma@acme.com is suspended (rule principal-suspended).",
  );
});

test("what is allowed names the binding's role and place", () => {
  const text = explanationText(
    {
      ...asked,
      effect: "allow",
      rule: "binding:7",
      reason: "AgentBuilder on /acme",
      binding_id: "7",
      who_can_grant: [],
    },
    ["AgentBuilder"],
  );
  expect(text).toBe("emma@acme.com may use agent:create at /acme/sales, as AgentBuilder on /acme (rule binding:7).");
});
