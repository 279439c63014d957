import type { Client } from "./client.ts";

/** Where things happen, and under whose eyes. */
export interface Places {
  root: string;
  /** Open: changes are made at once. */
  open: string[];
  /** Changes of agents wait there for two Approvers, for so many seconds. */
  guarded: string;
  guardedSeconds: number;
  /** Runs there have a budget all together. */
  budgeted: string;
}

export const people = {
  builders: ["bea", "ben", "bo", "bryn"],
  /** Ask for changes where they must be approved. */
  requesters: ["rana", "remy", "rue"],
  approvers: ["abe", "ana", "avi"],
  /** Hold a role now and then. */
  flickering: ["fay", "fen"],
  /** May look, and no more. */
  stranger: "sol",
  talkers: ["tao", "tia"],
  runners: ["wes", "win"],
} as const;

export const emailOf = (name: string): string => `${name}@chaos.test`;

/** Fills the organisation through the front door, by its administrator: OUs, people, roles, a policy, a budget. */
export async function foundOrganisation(founder: Client, root: string, guardedSeconds: number): Promise<Places> {
  const admin: Client = {
    ...founder,
    // What is tried on a stage that is not set shows nothing.
    async ask(asked) {
      const known = await founder.ask(asked);
      if (known.outcome !== "applied") throw new Error(`${asked.operation}: ${JSON.stringify(known)}`);
      return known;
    },
  };
  const places: Places = {
    root,
    open: [`${root}/alpha`, `${root}/beta`],
    guarded: `${root}/gamma`,
    guardedSeconds,
    budgeted: `${root}/delta`,
  };
  const ids = new Map<string, string>();
  for (const path of [...places.open, places.guarded, places.budgeted])
    ids.set(path, String((await makeOu(admin, root, path.slice(root.length + 1))).body["id"]));
  const person = async (name: string, grants: readonly (readonly [role: string, ou: string])[]) => {
    await admin.ask({
      operation: "user.create",
      method: "POST",
      path: "/users",
      body: { email: emailOf(name), display_name: name, home_ou: root },
      ou: root,
      marks: { email: emailOf(name) },
    });
    for (const [role, ou] of grants) await grant(admin, name, role, ou);
  };
  for (const name of people.builders) await person(name, [["AgentBuilder", root]]);
  for (const name of people.requesters) await person(name, [["AgentBuilder", places.guarded]]);
  for (const name of people.approvers) await person(name, [["Approver", root]]);
  for (const name of people.flickering) await person(name, []);
  await person(people.stranger, [["Viewer", root]]);
  for (const name of people.talkers) await person(name, [["AgentBuilder", root]]);
  for (const name of people.runners) await person(name, [["AgentBuilder", places.budgeted]]);
  // All of it is in the log: the checker reads there what needs whose approval.
  const policy = {
    name: "two-look",
    ou: places.guarded,
    operations: ["agent.*"],
    approver_role: "Approver",
    approvals_needed: 2,
    expires_after_seconds: places.guardedSeconds,
  };
  await admin.ask({
    operation: "policy.create",
    method: "POST",
    path: "/approval-policies",
    body: policy,
    ou: places.guarded,
    marks: policy,
  });
  await admin.ask({
    operation: "budget.set",
    method: "POST",
    path: `/ous/${ids.get(places.budgeted)}/budget`,
    body: { tokens_limit: 40_000_000 },
    ou: places.budgeted,
    marks: { ou_id: ids.get(places.budgeted), tokens_limit: 40_000_000 },
  });
  return places;
}

function makeOu(by: Client, parent: string, name: string) {
  return by.ask({
    operation: "ou.create",
    method: "POST",
    path: "/ous",
    body: { parent, name },
    ou: parent,
    marks: { parent, name },
  });
}

export function registerServer(by: Client, ou: string, name: string, display_name: string, url: string) {
  return by.ask({
    operation: "mcp_server.register",
    method: "POST",
    path: "/mcp-servers",
    body: { name, display_name, ou, url },
    ou,
    marks: { name, ou },
  });
}

let granted = 0;

/** Gives a role until a moment far away that no other grant has: by it the effect can be told from every other. */
export function grant(by: Client, name: string, role: string, ou: string) {
  granted += 1;
  const expires_at = new Date(Date.UTC(2090, 0, 1) + granted).toISOString();
  return by.ask({
    operation: "binding.create",
    method: "POST",
    path: "/bindings",
    body: { role, ou, user: emailOf(name), expires_at },
    ou,
    marks: { role, ou, user: emailOf(name), expires_at },
  });
}

export function revoke(by: Client, bindingId: string, ou: string) {
  return by.ask({
    operation: "binding.delete",
    method: "DELETE",
    path: `/bindings/${bindingId}`,
    ou,
    marks: { binding_id: bindingId },
  });
}
