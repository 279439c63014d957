import { z } from "zod";
import { displayName, ouReference, slug } from "../contracts/fields.ts";
import { ouView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { findOu, insertOu, ouToView } from "../db/queries/ous.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const createOu = defineOperation({
  name: "ou.create",
  summary: "Create an OU below another",
  permission: "ou:create",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/ous", status: 201 },
  command: "ous create",
  readPermission: "ou:read",
  input: z.object({
    parent: ouReference.describe("The OU above: path or id"),
    name: slug,
    display_name: displayName.optional(),
  }),
  output: ouView,

  async preview({ tx, authorise }, input) {
    const parent = await requireOu(tx, input.parent, "parent");
    await authorise(parent);
    const path = `${parent.path}/${input.name}`;
    if ((await findOu(tx, path)) !== undefined)
      throw new PowerloomError("conflict", `An OU already exists at \`${path}\`.`, { pointer: "/name" });
    // Deep trees make every decision's ancestor array long; nobody's org chart needs more.
    if (parent.ancestors.length >= 16)
      throw new PowerloomError("invalid_input", "OUs nest at most 16 deep.", { pointer: "/parent" });
    return {
      ou: parent,
      target: null,
      targetVersion: null,
      plan: { parentId: parent.id, displayName: input.display_name ?? input.name },
      before: null,
      after: { path, display_name: input.display_name ?? input.name },
      summary: `Create OU ${path}`,
    };
  },

  async apply({ tx, newId }, { name }, { plan }) {
    const parent = await requireOu(tx, plan.parentId, "parent");
    const row = await insertOu(tx, tx.organisationId, { id: newId(), name, displayName: plan.displayName, parent });
    return { target: { type: "ou", id: row.id }, result: ouToView(row) };
  },
});
