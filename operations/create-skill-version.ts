import { z } from "zod";
import { longText } from "../contracts/fields.ts";
import { skillVersionView } from "../contracts/views.ts";
import { digestOf } from "../core/canonical.ts";
import { defineOperation } from "./declaration.ts";
import { requireSkill, requireVersion, scopeOf } from "./lookups.ts";

export const createSkillVersion = defineOperation({
  name: "skill.create_version",
  summary: "Add a version to a skill; agents keep the version they have until it is attached anew",
  permission: "skill:update",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/skills/:skill_id/versions", status: 201 },
  command: "skills create-version",
  readPermission: "skill:read",
  input: z.object({ skill_id: z.uuid(), content: longText.min(1).describe("The SKILL.md text") }),
  output: skillVersionView,

  async preview(context, input) {
    const skill = await requireSkill(context.tx, input.skill_id);
    await context.authorise(scopeOf(skill));
    requireVersion(context, skill.latest_version);
    const version = skill.latest_version + 1;
    return {
      ou: scopeOf(skill),
      target: { type: "skill", id: skill.id },
      targetVersion: skill.latest_version,
      plan: { version },
      before: { latest_version: skill.latest_version },
      after: { latest_version: version, content_sha256: digestOf(input.content) },
      summary: `Add version ${version} to skill ${skill.name} in ${skill.ou_path}`,
    };
  },

  async apply({ tx }, { skill_id, content }, { plan }) {
    const [row] = await tx.rows<{ created_at: Date }>(
      `insert into skill_versions (organisation_id, skill_id, version, content) values ($1, $2, $3, $4) returning created_at`,
      [tx.organisationId, skill_id, plan.version, content],
    );
    await tx.run("update skills set latest_version = $2 where id = $1", [skill_id, plan.version]);
    return {
      target: { type: "skill_version", id: `${skill_id}/${plan.version}` },
      result: { skill_id, version: plan.version, content, created_at: row?.created_at.toISOString() },
    };
  },
});
