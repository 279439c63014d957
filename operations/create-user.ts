import { z } from "zod";
import { displayName, email, ouReference } from "../contracts/fields.ts";
import { userView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { findUser, userToView } from "../db/queries/people.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu } from "./lookups.ts";

export const createUser = defineOperation({
  name: "user.create",
  summary: "Add a person to the organisation; who they are is proved by its identity provider at first sign-in",
  permission: "user:create",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "POST", path: "/users", status: 201 },
  command: "users create",
  readPermission: "user:read",
  input: z.object({ email, display_name: displayName, home_ou: ouReference }),
  output: userView,

  async preview({ tx, authorise }, input) {
    const ou = await requireOu(tx, input.home_ou, "home_ou");
    await authorise(ou);
    if ((await findUser(tx, input.email)) !== undefined)
      throw new PowerloomError("conflict", `A user with email \`${input.email}\` already exists.`, {
        pointer: "/email",
      });
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: {},
      before: null,
      after: { email: input.email, display_name: input.display_name, home_ou: ou.path },
      summary: `Add ${input.display_name} <${input.email}> to ${ou.path}`,
    };
  },

  async apply({ tx, newId }, input, { ou }) {
    const id = newId();
    await tx.run(
      "insert into users (id, organisation_id, email, display_name, home_ou_id) values ($1, $2, $3, $4, $5)",
      [id, tx.organisationId, input.email, input.display_name, ou.id],
    );
    const row = await findUser(tx, id);
    if (row === undefined) throw new Error("the user just created cannot be read");
    return { target: { type: "user", id }, result: userToView(row) };
  },
});
