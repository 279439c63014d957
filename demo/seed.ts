import type { Person } from "./api.ts";

/** What an organisation starts with in dev and demo mode. Tests make others, with names drawn from a printed seed. */
export interface Plan {
  organisation: string;
  ous: { path: string; displayName: string }[];
  people: { email: string; name: string; ou: string; roles: { role: string; ou: string }[] }[];
  servers: { name: string; displayName: string; description: string; ou: string; url: string }[];
  skills: { name: string; description: string; ou: string; content: string }[];
  policies: { name: string; ou: string; operations: string[]; approverRole: string }[];
}

export interface Seeded {
  /** By registration name: id and introspection secret, shown once. */
  servers: Record<string, { id: string; introspectionSecret: string }>;
}

/** The organisation of the dev and demo modes. */
export const acme: Plan = {
  organisation: "acme",
  ous: [
    { path: "/acme/engineering", displayName: "Engineering" },
    { path: "/acme/engineering/platform", displayName: "Platform" },
    { path: "/acme/sales", displayName: "Sales" },
    { path: "/acme/production", displayName: "Production" },
  ],
  people: [
    {
      email: "emma@acme.com",
      name: "Emma Laurent",
      ou: "/acme/sales",
      roles: [{ role: "AgentUser", ou: "/acme/sales" }],
    },
    { email: "ben@acme.com", name: "Ben Okafor", ou: "/acme", roles: [{ role: "OrgAdmin", ou: "/acme" }] },
    {
      email: "vera@acme.com",
      name: "Vera Lindqvist",
      ou: "/acme/engineering",
      roles: [
        { role: "Viewer", ou: "/acme" },
        { role: "AgentUser", ou: "/acme" },
      ],
    },
    { email: "aiko@acme.com", name: "Aiko Tanaka", ou: "/acme", roles: [{ role: "Auditor", ou: "/acme" }] },
  ],
  servers: [
    {
      name: "pg-analytics",
      displayName: "PG Analytics",
      description: "Read-only SQL analytics over PostgreSQL",
      ou: "/acme/engineering",
      url: "http://127.0.0.1:4053/mcp",
    },
    {
      name: "apollo-mcp",
      displayName: "Apollo",
      description: "Company and contact data for prospecting",
      ou: "/acme/sales",
      url: "http://127.0.0.1:4051/mcp",
    },
    {
      name: "gmail-mcp",
      displayName: "Gmail",
      description: "Drafts and sends e-mail",
      ou: "/acme/sales",
      url: "http://127.0.0.1:4052/mcp",
    },
  ],
  skills: [
    {
      name: "prospect-research",
      description: "Research sales prospects on the web and summarise what was found",
      ou: "/acme/sales",
      content: "# Prospect research\n\nFind the company, its size and its need. Cite every source.",
    },
    {
      name: "sql-review",
      description: "Review SQL queries for correctness and cost",
      ou: "/acme/engineering",
      content: "# SQL review\n\nLook for missing indexes, N+1 patterns and injection.",
    },
  ],
  policies: [
    { name: "production-changes", ou: "/acme/production", operations: ["agent.create"], approverRole: "OrgAdmin" },
  ],
};

/** Fills an organisation through the API, as its admin: every row of it is audited like any other change. */
export async function seedOrganisation(admin: Person, plan: Plan): Promise<Seeded> {
  for (const ou of plan.ous) {
    const cut = ou.path.lastIndexOf("/");
    await admin.make("/ous", {
      parent: ou.path.slice(0, cut),
      name: ou.path.slice(cut + 1),
      display_name: ou.displayName,
    });
  }
  for (const person of plan.people) {
    await admin.make("/users", { email: person.email, display_name: person.name, home_ou: person.ou });
    for (const { role, ou } of person.roles) await admin.make("/bindings", { role, ou, user: person.email });
  }
  const seeded: Seeded = { servers: {} };
  for (const server of plan.servers) {
    const made = await admin.make<{ id: string; introspection_secret: string }>("/mcp-servers", {
      name: server.name,
      display_name: server.displayName,
      description: server.description,
      ou: server.ou,
      url: server.url,
    });
    seeded.servers[server.name] = { id: made.id, introspectionSecret: made.introspection_secret };
  }
  for (const skill of plan.skills) await admin.make("/skills", { ...skill });
  for (const policy of plan.policies)
    await admin.make("/approval-policies", {
      name: policy.name,
      ou: policy.ou,
      operations: policy.operations,
      approver_role: policy.approverRole,
    });
  return seeded;
}
