/** Built-in roles and what each may do. The database's `roles` table is written from here at every migration. */

const reads = [
  "ou:read",
  "user:read",
  "group:read",
  "role:read",
  "binding:read",
  "skill:read",
  "mcp_server:read",
  "agent:read",
  "policy:read",
] as const;

const agentBuilding = [
  "agent:create",
  "agent:update",
  "agent:delete",
  "agent:attach_skill",
  "agent:attach_mcp_server",
  "credential:create",
  "credential:revoke",
  "agent:invoke",
  "run:create",
] as const;

const ouAdministration = [
  "ou:create",
  "user:create",
  "group:create",
  "group:update",
  "binding:create",
  "binding:delete",
  "skill:create",
  "skill:update",
  "mcp_server:register",
  "mcp_server:remove",
  "session:read",
  "session:control",
  "request:read",
  "run:read",
  "run:control",
  "governance:read",
  "budget:read",
] as const;

const organisationAdministration = [
  "policy:create",
  "policy:update",
  "approval:read",
  "approval:vote",
  "audit:read",
  "governance:update",
  "budget:update",
  "organisation:administer",
] as const;

export type Permission =
  | (typeof reads)[number]
  | (typeof agentBuilding)[number]
  | (typeof ouAdministration)[number]
  | (typeof organisationAdministration)[number];

export interface Role {
  description: string;
  permissions: readonly Permission[];
}

export const builtInRoles = {
  OrgAdmin: {
    description: "Everything in the subtree, approval policies and the meta-agent's wiring included",
    permissions: [...reads, ...agentBuilding, ...ouAdministration, ...organisationAdministration],
  },
  OUAdmin: {
    description: "People, access, skills, servers and agents of an OU; not its approval policies",
    permissions: [...reads, ...agentBuilding, ...ouAdministration],
  },
  AgentBuilder: {
    description: "Creates, wires and invokes agents",
    permissions: [...reads, ...agentBuilding],
  },
  Approver: {
    description: "Sees what waits for approval and decides",
    permissions: [...reads, "approval:read", "approval:vote", "request:read"],
  },
  Auditor: {
    description: "Reads everything, the audit trail included; changes nothing",
    permissions: [
      ...reads,
      "audit:read",
      "request:read",
      "session:read",
      "run:read",
      "approval:read",
      "governance:read",
      "budget:read",
    ],
  },
  Viewer: { description: "Reads what exists", permissions: [...reads] },
  AgentUser: {
    description: "Invokes agents and runs",
    permissions: ["ou:read", "agent:read", "agent:invoke", "run:create"],
  },
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof builtInRoles;

export const roleNames = Object.keys(builtInRoles) as [RoleName, ...RoleName[]];

/**
 * Roles whose holders can hand a permission to somebody else: they may make bindings, and hold all of a role that contains
 * it. They are the people to ask when it is missing.
 */
export function grantingRoles(permission: Permission): RoleName[] {
  const held = (name: RoleName): readonly Permission[] => builtInRoles[name].permissions;
  return roleNames.filter(
    (granter) =>
      held(granter).includes("binding:create") &&
      roleNames.some(
        (role) => held(role).includes(permission) && held(role).every((needed) => held(granter).includes(needed)),
      ),
  );
}
