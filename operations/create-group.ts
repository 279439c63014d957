import { z } from "zod";
import { displayName, ouReference, slug } from "../contracts/fields.ts";
import { groupView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { findGroup, groupToView } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const createGroup = defineOperation({
  name: "group.create",
  summary: "Create a group of people",
  permission: "group:create",
  risk: "low",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/groups", status: 201 },
  command: "groups create",
  readPermission: "group:read",
  input: z.object({ name: slug, ou: ouReference, display_name: displayName.optional() }),
  output: groupView,

  async preview({ tx, authorise }, input) {
    const ou = await requireOu(tx, input.ou);
    await authorise(ou);
    const taken = await tx.maybe("select from groups where ou_id = $1 and name = $2", [ou.id, input.name]);
    if (taken !== undefined)
      throw new PowerloomError("conflict", `A group named \`${input.name}\` already exists in \`${ou.path}\`.`, {
        pointer: "/name",
      });
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: { displayName: input.display_name ?? input.name },
      before: null,
      after: { name: input.name, ou: ou.path, display_name: input.display_name ?? input.name },
      summary: `Create group ${input.name} in ${ou.path}`,
    };
  },

  async apply({ tx, newId }, { name }, { ou, plan }) {
    const id = newId();
    await tx.run("insert into groups (id, organisation_id, ou_id, name, display_name) values ($1, $2, $3, $4, $5)", [
      id,
      tx.organisationId,
      ou.id,
      name,
      plan.displayName,
    ]);
    const row = await findGroup(tx, id);
    if (row === undefined) throw new Error("the group just created cannot be read");
    return { target: { type: "group", id }, result: groupToView(row) };
  },
});
