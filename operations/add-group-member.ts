import { z } from "zod";
import { userReference } from "../contracts/fields.ts";
import { groupView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { findGroup, groupToView } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { membershipOf } from "./grants.ts";
import { missing, requireUser, scopeOf } from "./lookups.ts";

export const addGroupMember = defineOperation({
  name: "group.add_member",
  summary: "Add a user, or another group, to a group",
  permission: "group:update",
  risk: "high",
  delegable: false,
  authorityLock: "update",
  http: { method: "POST", path: "/groups/:group_id/members", status: 201 },
  command: "groups add-member",
  readPermission: "group:read",
  input: z.object({
    group_id: z.uuid(),
    user: userReference.optional(),
    member_group_id: z.uuid().optional().describe("Instead of a user"),
  }),
  output: groupView,

  async preview({ tx, now, authorise }, input) {
    const group = await findGroup(tx, input.group_id);
    if (group === undefined) throw missing(`No group found with id \`${input.group_id}\`.`, "group_id");
    await authorise(scopeOf(group));
    if ((input.user === undefined) === (input.member_group_id === undefined))
      throw new PowerloomError("invalid_input", "Name either `user` or `member_group_id`.", { pointer: "/user" });
    let member: { kind: "user" | "group"; id: string; name: string };
    if (input.user !== undefined) {
      const user = await requireUser(tx, input.user, "user");
      member = { kind: "user", id: user.id, name: user.email };
    } else {
      const inner = await findGroup(tx, input.member_group_id ?? "");
      if (inner === undefined) throw missing(`No group found with id \`${input.member_group_id}\`.`, "member_group_id");
      member = { kind: "group", id: inner.id, name: inner.name };
      const cycle = await tx.maybe(
        `with recursive above as (select $1::uuid as id union
           select m.group_id from above a join group_members m on m.member_group_id = a.id)
         select from above where id = $2`,
        [group.id, inner.id],
      );
      if (cycle !== undefined)
        throw new PowerloomError("conflict", `Group \`${group.name}\` is itself inside \`${inner.name}\`.`, {
          pointer: "/member_group_id",
        });
    }
    if (group.members.some((present) => present.id === member.id))
      throw new PowerloomError("conflict", `\`${member.name}\` is already a member of \`${group.name}\`.`);
    const { roles, ...consequences } = await membershipOf(tx, group.id, "binding.create", now);
    return {
      ou: scopeOf(group),
      target: { type: "group", id: group.id },
      targetVersion: null,
      plan: { member },
      before: { members: group.members.map((present) => present.name) },
      after: { members: [...group.members.map((present) => present.name), member.name], gains: roles },
      summary: `Add ${member.name} to group ${group.name} in ${group.ou_path}`,
      ...consequences,
    };
  },

  async apply({ tx }, { group_id }, { plan: { member } }) {
    await tx.run(
      "insert into group_members (organisation_id, group_id, member_user_id, member_group_id) values ($1, $2, $3, $4)",
      [
        tx.organisationId,
        group_id,
        member.kind === "user" ? member.id : null,
        member.kind === "group" ? member.id : null,
      ],
    );
    const row = await findGroup(tx, group_id);
    if (row === undefined) throw new Error("the group just changed cannot be read");
    return { target: { type: "membership", id: `${group_id}/${member.id}` }, result: groupToView(row) };
  },
});
