import type { Permission } from "./roles.ts";

/** One binding that covers the OU in question, directly or through a group. Expired ones may be among them. */
export interface BindingEvidence {
  bindingId: string;
  role: string;
  permissions: readonly string[];
  ouPath: string;
  viaGroup: string | null;
  expiresAt: Date | null;
}

/** Everything the decision rests on. Gathered by SQL, in the transaction that will have the effect. */
export interface AuthorityEvidence {
  permission: Permission;
  ouPath: string;
  now: Date;
  principal: { id: string; email: string; status: "active" | "suspended" } | null;
  bindings: readonly BindingEvidence[];
  /** Who could grant it: only needed, and only gathered, for a denial. */
  granters?: readonly Granter[];
}

export interface Granter {
  email: string;
  role: string;
  ouPath: string;
}

export type Decision =
  | { effect: "allow"; rule: string; reason: string; bindingId: string }
  | {
      effect: "deny";
      rule: string;
      reason: string;
      missing: { permission: Permission; ou: string };
      whoCanGrant: readonly Granter[];
    };

/** Allowed or not, by which binding, and if not: what is missing, where, and who could grant it. Pure. */
export function decide(evidence: AuthorityEvidence): Decision {
  const { permission, ouPath, now, principal, bindings, granters = [] } = evidence;
  const deny = (rule: string, reason: string): Decision => ({
    effect: "deny",
    rule,
    reason,
    missing: { permission, ou: ouPath },
    whoCanGrant: granters,
  });

  if (principal === null) return deny("principal-unknown", "the principal does not exist in this organisation");
  if (principal.status !== "active") return deny("principal-suspended", `${principal.email} is suspended`);

  const granting = bindings.filter((binding) => binding.permissions.includes(permission));
  const valid = granting.find((binding) => binding.expiresAt === null || binding.expiresAt > now);
  if (valid !== undefined) {
    const through = valid.viaGroup === null ? "" : ` through group ${valid.viaGroup}`;
    return {
      effect: "allow",
      rule: `binding:${valid.bindingId}`,
      reason: `${valid.role} on ${valid.ouPath}${through}`,
      bindingId: valid.bindingId,
    };
  }
  if (granting.length > 0) return deny("binding-expired", `the binding that granted ${permission} has expired`);
  return deny("no-binding", `no binding of ${principal.email} grants ${permission} on ${ouPath}`);
}

/** The sentence of a 403, as people read it: permission, OU, and what to do. */
export function explainDenial(decision: Extract<Decision, { effect: "deny" }>): string {
  const { permission, ou } = decision.missing;
  const role = decision.whoCanGrant[0]?.role ?? "OrgAdmin";
  return (
    `insufficient permissions. You need \`${permission}\` on \`${ou}\` to do this. ` +
    `Ask an ${role} to grant a binding, or act in an OU where you have access.`
  );
}
