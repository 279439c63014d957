import { z } from "zod";
import { instant, ouReference, userReference } from "../contracts/fields.ts";
import { bindingView } from "../contracts/views.ts";
import { roleNames } from "../core/authority/roles.ts";
import { PowerloomError } from "../core/errors.ts";
import { bindingToView, findBinding, findGroup } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { needsToGrant } from "./grants.ts";
import { missing, requireOu, requireUser } from "./lookups.ts";

export const bindRole = defineOperation({
  name: "binding.create",
  summary: "Give a user or group a role at an OU and everything below it",
  permission: "binding:create",
  risk: "high",
  delegable: false,
  authorityLock: "update",
  http: { method: "POST", path: "/bindings", status: 201 },
  command: "bindings create",
  readPermission: "binding:read",
  input: z.object({
    role: z.enum(roleNames),
    ou: ouReference,
    user: userReference.optional(),
    group_id: z.uuid().optional().describe("Instead of a user"),
    expires_at: instant.optional().describe("RFC 3339; default: never"),
  }),
  output: bindingView,

  async preview({ tx, now, authorise }, input) {
    const ou = await requireOu(tx, input.ou);
    await authorise(ou);
    if ((input.user === undefined) === (input.group_id === undefined))
      throw new PowerloomError("invalid_input", "Name either `user` or `group_id`.", { pointer: "/user" });
    if (input.expires_at !== undefined && new Date(input.expires_at) <= now)
      throw new PowerloomError("invalid_input", "`expires_at` must lie in the future.", { pointer: "/expires_at" });
    const user = input.user === undefined ? undefined : await requireUser(tx, input.user, "user");
    const group = input.group_id === undefined ? undefined : await findGroup(tx, input.group_id);
    const holder = user?.email ?? group?.name;
    if (holder === undefined) throw missing(`No group found with id \`${input.group_id}\`.`, "group_id");
    const taken = await tx.maybe<{ id: string }>(
      `select id from bindings where ou_id = $1 and role = $2 and user_id is not distinct from $3
         and group_id is not distinct from $4 and (expires_at is null or expires_at > $5)`,
      [ou.id, input.role, user?.id ?? null, group?.id ?? null, now],
    );
    if (taken !== undefined)
      throw new PowerloomError("conflict", `\`${holder}\` already holds ${input.role} on \`${ou.path}\`.`, {
        existing_id: taken.id,
      });
    // Whom it would reach: somebody added to the group meanwhile is not who was approved.
    const reached =
      group === undefined
        ? undefined
        : await tx.rows<{ id: string; email: string }>(
            "select u.id, u.email from user_groups m join users u on u.id = m.user_id where m.group_id = $1 order by u.email",
            [group.id],
          );
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: {
        userId: user?.id ?? null,
        groupId: group?.id ?? null,
        reached: reached?.map(({ id }) => id) ?? null,
        expiresAt: input.expires_at ?? null,
      },
      before: null,
      after: {
        role: input.role,
        ou: ou.path,
        holder,
        ...(reached === undefined ? {} : { members: reached.map(({ email }) => email) }),
        expires_at: input.expires_at ?? null,
      },
      summary: `Give ${holder} the role ${input.role} on ${ou.path}`,
      alsoNeeds: needsToGrant(input.role, ou),
    };
  },

  async apply({ tx, newId, now, principalId }, { role }, { ou, plan }) {
    const id = newId();
    // One that has expired still occupies the place of this one.
    const expired = await tx.rows<{ id: string }>(
      `delete from bindings where ou_id = $1 and role = $2 and user_id is not distinct from $3
         and group_id is not distinct from $4 and expires_at <= $5 returning id`,
      [ou.id, role, plan.userId, plan.groupId, now],
    );
    await tx.run(
      `insert into bindings (id, organisation_id, ou_id, role, user_id, group_id, expires_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, tx.organisationId, ou.id, role, plan.userId, plan.groupId, plan.expiresAt, principalId],
    );
    const row = await findBinding(tx, id);
    if (row === undefined) throw new Error("the binding just created cannot be read");
    return {
      target: { type: "binding", id },
      result: bindingToView(row),
      deleted: expired.map((binding) => binding.id),
    };
  },
});
