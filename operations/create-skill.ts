import { z } from "zod";
import { description, longText, ouReference, slug } from "../contracts/fields.ts";
import { skillView } from "../contracts/views.ts";
import { digestOf } from "../core/canonical.ts";
import { PowerloomError } from "../core/errors.ts";
import { findSkill, skillToView } from "../db/queries/skills.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const createSkill = defineOperation({
  name: "skill.create",
  summary: "Create a skill with its first version",
  permission: "skill:create",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/skills", status: 201 },
  command: "skills create",
  readPermission: "skill:read",
  input: z.object({
    name: slug,
    ou: ouReference,
    description: description.min(1),
    content: longText.min(1).describe("The SKILL.md text"),
  }),
  output: skillView,

  async preview({ tx, authorise }, input) {
    const ou = await requireOu(tx, input.ou);
    await authorise(ou);
    const taken = await tx.maybe<{ id: string }>("select id from skills where ou_id = $1 and name = $2", [
      ou.id,
      input.name,
    ]);
    if (taken !== undefined)
      throw new PowerloomError("conflict", `A skill named \`${input.name}\` already exists in \`${ou.path}\`.`, {
        pointer: "/name",
        existing_id: taken.id,
      });
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: { name: input.name, description: input.description, content: input.content },
      before: null,
      after: { name: input.name, ou: ou.path, description: input.description, content_sha256: digestOf(input.content) },
      summary: `Create skill ${input.name} in ${ou.path}`,
    };
  },

  async apply({ tx, newId }, _input, { ou, plan }) {
    const id = newId();
    await tx.run("insert into skills (id, organisation_id, ou_id, name, description) values ($1, $2, $3, $4, $5)", [
      id,
      tx.organisationId,
      ou.id,
      plan.name,
      plan.description,
    ]);
    await tx.run("insert into skill_versions (organisation_id, skill_id, version, content) values ($1, $2, 1, $3)", [
      tx.organisationId,
      id,
      plan.content,
    ]);
    const row = await findSkill(tx, id);
    if (row === undefined) throw new Error("the skill just created cannot be read");
    return { target: { type: "skill", id }, result: skillToView(row) };
  },
});
