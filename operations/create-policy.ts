import { z } from "zod";
import { ouReference, slug } from "../contracts/fields.ts";
import { policyView } from "../contracts/views.ts";
import { roleNames } from "../core/authority/roles.ts";
import { PowerloomError } from "../core/errors.ts";
import { findPolicy, policyToView } from "../db/queries/policies.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const policyFields = {
  operations: z
    .array(z.string().regex(/^(\*|[a-z_]+\.(\*|[a-z_]+))$/, "an operation name such as agent.create, agent.* or *"))
    .min(1)
    .max(50)
    .describe("Operation names; agent.* and * match many"),
  approver_role: z.enum(roleNames).describe("Approvers hold this role at the OU of the change"),
  approvals_needed: z.int().min(1).max(10),
  expires_after_seconds: z
    .int()
    .min(1)
    .max(90 * 24 * 3600)
    .describe("A request that is not decided by then expires"),
  enabled: z.boolean(),
};

export const createPolicy = defineOperation({
  name: "policy.create",
  summary: "Make changes in an OU and below wait for approval",
  permission: "policy:create",
  risk: "high",
  delegable: false,
  authorityLock: "update",
  http: { method: "POST", path: "/approval-policies", status: 201 },
  command: "approval-policies create",
  readPermission: "policy:read",
  input: z.object({
    name: slug,
    ou: ouReference,
    operations: policyFields.operations,
    approver_role: policyFields.approver_role.default("Approver"),
    approvals_needed: policyFields.approvals_needed.default(1),
    expires_after_seconds: policyFields.expires_after_seconds.default(7 * 24 * 3600),
    enabled: policyFields.enabled.default(true),
  }),
  output: policyView,

  async preview({ tx, authorise }, { ou: reference, ...policy }) {
    const ou = await requireOu(tx, reference);
    await authorise(ou);
    const taken = await tx.maybe<{ id: string }>("select id from approval_policies where ou_id = $1 and name = $2", [
      ou.id,
      policy.name,
    ]);
    if (taken !== undefined)
      throw new PowerloomError("conflict", `A policy named \`${policy.name}\` already exists in \`${ou.path}\`.`, {
        pointer: "/name",
        existing_id: taken.id,
      });
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: policy,
      before: null,
      after: { ...policy, ou: ou.path },
      summary: `Make ${policy.operations.join(", ")} in ${ou.path} wait for ${policy.approvals_needed} × ${policy.approver_role}`,
    };
  },

  async apply({ tx, newId }, _input, { ou, plan }) {
    const id = newId();
    await tx.run(
      `insert into approval_policies (id, organisation_id, ou_id, name, operations, approver_role, approvals_needed,
         expires_after_seconds, enabled) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        tx.organisationId,
        ou.id,
        plan.name,
        plan.operations,
        plan.approver_role,
        plan.approvals_needed,
        plan.expires_after_seconds,
        plan.enabled,
      ],
    );
    const row = await findPolicy(tx, id);
    if (row === undefined) throw new Error("the policy just created cannot be read");
    return { target: { type: "policy", id }, result: policyToView(row) };
  },
});
