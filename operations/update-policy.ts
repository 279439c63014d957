import { z } from "zod";
import { policyView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { findPolicy, policyToView } from "../db/queries/policies.ts";
import { policyFields } from "./create-policy.ts";
import { defineOperation } from "./declaration.ts";
import { missing, requireVersion, scopeOf } from "./lookups.ts";

export const updatePolicy = defineOperation({
  name: "policy.update",
  summary: "Change an approval policy, or switch it off; what waits under the old one has to be asked again",
  permission: "policy:update",
  risk: "high",
  delegable: false,
  authorityLock: "update",
  http: { method: "PATCH", path: "/approval-policies/:policy_id", status: 200 },
  command: "approval-policies update",
  readPermission: "policy:read",
  input: z.object({
    policy_id: z.uuid(),
    operations: policyFields.operations.optional(),
    approver_role: policyFields.approver_role.optional(),
    approvals_needed: policyFields.approvals_needed.optional(),
    expires_after_seconds: policyFields.expires_after_seconds.optional(),
    enabled: policyFields.enabled.optional(),
  }),
  output: policyView,

  async preview(context, { policy_id, ...change }) {
    const policy = await findPolicy(context.tx, policy_id);
    if (policy === undefined) throw missing(`No approval policy found with id \`${policy_id}\`.`, "policy_id");
    await context.authorise(scopeOf(policy));
    requireVersion(context, policy.version);
    const before = {
      operations: policy.operations,
      approver_role: policy.approver_role,
      approvals_needed: policy.approvals_needed,
      expires_after_seconds: policy.expires_after_seconds,
      enabled: policy.enabled,
    };
    const after = {
      operations: change.operations ?? before.operations,
      approver_role: change.approver_role ?? before.approver_role,
      approvals_needed: change.approvals_needed ?? before.approvals_needed,
      expires_after_seconds: change.expires_after_seconds ?? before.expires_after_seconds,
      enabled: change.enabled ?? before.enabled,
    };
    if (JSON.stringify(before) === JSON.stringify(after))
      throw new PowerloomError("invalid_input", "Nothing would change: name at least one field with a new value.");
    return {
      ou: scopeOf(policy),
      target: { type: "policy", id: policy.id },
      targetVersion: policy.version,
      plan: after,
      before,
      after,
      summary: `Change approval policy ${policy.name} in ${policy.ou_path}`,
    };
  },

  async apply({ tx }, { policy_id }, { plan }) {
    await tx.run(
      `update approval_policies set operations = $2, approver_role = $3, approvals_needed = $4, expires_after_seconds = $5,
         enabled = $6, version = version + 1, updated_at = clock_timestamp() where id = $1`,
      [policy_id, plan.operations, plan.approver_role, plan.approvals_needed, plan.expires_after_seconds, plan.enabled],
    );
    const row = await findPolicy(tx, policy_id);
    if (row === undefined) throw new Error("the policy just changed cannot be read");
    return { target: { type: "policy", id: policy_id }, result: policyToView(row) };
  },
});
