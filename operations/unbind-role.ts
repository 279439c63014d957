import { z } from "zod";
import type { RoleName } from "../core/authority/roles.ts";
import { findBinding } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { needsToGrant } from "./grants.ts";
import { requireRemainingAdmin } from "./last-admin.ts";
import { missing, scopeOf } from "./lookups.ts";
import { deletionView } from "./results.ts";

export const unbindRole = defineOperation({
  name: "binding.delete",
  summary: "Take a role away",
  permission: "binding:delete",
  risk: "high",
  delegable: false,
  authorityLock: "update",
  http: { method: "DELETE", path: "/bindings/:binding_id", status: 200 },
  command: "bindings delete",
  readPermission: "binding:read",
  input: z.object({ binding_id: z.uuid() }),
  output: deletionView,

  async preview({ tx, authorise }, input) {
    const binding = await findBinding(tx, input.binding_id);
    if (binding === undefined) throw missing(`No binding found with id \`${input.binding_id}\`.`, "binding_id");
    await authorise(scopeOf(binding));
    return {
      ou: scopeOf(binding),
      target: { type: "binding", id: binding.id },
      targetVersion: null,
      plan: { role: binding.role },
      before: { role: binding.role, ou: binding.ou_path, holder: binding.principal_name },
      after: null,
      summary: `Take the role ${binding.role} on ${binding.ou_path} from ${binding.principal_name}`,
      alsoNeeds: needsToGrant(binding.role as RoleName, scopeOf(binding)),
    };
  },

  async apply({ tx }, { binding_id }, { plan }) {
    await tx.run("delete from bindings where id = $1", [binding_id]);
    if (plan.role === "OrgAdmin") await requireRemainingAdmin(tx);
    return {
      target: { type: "binding", id: binding_id },
      result: { id: binding_id, deleted: true },
      deleted: [binding_id],
    };
  },
});
