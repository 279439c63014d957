import { z } from "zod";
import { groupView } from "../contracts/views.ts";
import { findGroup, groupToView } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { membershipOf } from "./grants.ts";
import { requireRemainingAdmin } from "./last-admin.ts";
import { missing, scopeOf } from "./lookups.ts";

export const removeGroupMember = defineOperation({
  name: "group.remove_member",
  summary: "Remove a user or group from a group",
  permission: "group:update",
  risk: "medium",
  delegable: false,
  authorityLock: "update",
  http: { method: "DELETE", path: "/groups/:group_id/members/:member_id", status: 200 },
  command: "groups remove-member",
  readPermission: "group:read",
  input: z.object({ group_id: z.uuid(), member_id: z.uuid().describe("A principal id or group id") }),
  output: groupView,

  async preview({ tx, now, authorise }, input) {
    const group = await findGroup(tx, input.group_id);
    if (group === undefined) throw missing(`No group found with id \`${input.group_id}\`.`, "group_id");
    await authorise(scopeOf(group));
    const member = group.members.find((present) => present.id === input.member_id);
    if (member === undefined)
      throw missing(`\`${input.member_id}\` is not a member of \`${group.name}\`.`, "member_id");
    const { roles, ...consequences } = await membershipOf(tx, group.id, "binding.delete", now);
    return {
      ou: scopeOf(group),
      target: { type: "group", id: group.id },
      targetVersion: null,
      plan: {},
      before: { members: group.members.map((present) => present.name) },
      after: {
        members: group.members.filter((present) => present !== member).map((present) => present.name),
        loses: roles,
      },
      summary: `Remove ${member.name} from group ${group.name} in ${group.ou_path}`,
      // Taking roles away needs what giving them needs, as for bindings: else an OU's admin could unseat those above.
      ...consequences,
    };
  },

  async apply({ tx }, { group_id, member_id }) {
    await tx.run("delete from group_members where group_id = $1 and $2 in (member_user_id, member_group_id)", [
      group_id,
      member_id,
    ]);
    await requireRemainingAdmin(tx);
    const row = await findGroup(tx, group_id);
    if (row === undefined) throw new Error("the group just changed cannot be read");
    return {
      target: { type: "membership", id: `${group_id}/${member_id}` },
      result: groupToView(row),
      deleted: [`${group_id}/${member_id}`],
    };
  },
});
