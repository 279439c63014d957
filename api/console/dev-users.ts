import type { RequestHandler } from "express";
import type { z } from "zod";
import type { signInOptions } from "../../contracts/console.ts";
import { PowerloomError } from "../../core/errors.ts";
import type { ApiDeps } from "../deps.ts";
import { recordSecurityEvent } from "../security-events.ts";

const mostPeople = 50;

/** Middleware: what works without proof exists only in dev mode. */
export function onlyInDevMode({ config }: Pick<ApiDeps, "config">): RequestHandler {
  return (_req, _res, next) => {
    if (config.mode !== "dev")
      throw new PowerloomError("not_found", "Dev login exists only in dev mode. Sign in with your identity provider.");
    next();
  };
}

/**
 * The person with this address, in whichever organisation.
 * @throws PowerloomError `not_found`
 */
export async function findDevUser(
  deps: ApiDeps,
  email: string,
): Promise<{ organisationId: string; principalId: string }> {
  const found = await deps.db.anywhere.maybe<{ organisation_id: string; user_id: string }>(
    "select * from find_dev_user($1)",
    [email],
  );
  if (found === undefined) {
    await recordSecurityEvent(deps, "dev_login_unknown", {});
    throw new PowerloomError(
      "not_found",
      `No user found with email \`${email}\`. Check the email address and try again.`,
    );
  }
  return { organisationId: found.organisation_id, principalId: found.user_id };
}

type People = z.infer<typeof signInOptions>["people"];

/** People one may sign in as without proof. */
export async function devPeople(deps: Pick<ApiDeps, "db">): Promise<People> {
  const found = await deps.db.anywhere.rows<{ organisation_id: string; user_id: string }>(
    "select * from list_dev_users($1)",
    [mostPeople],
  );
  const people: People = [];
  for (const [organisationId, members] of Map.groupBy(found, (one) => one.organisation_id))
    people.push(
      ...(await deps.db.readOrganisation(organisationId, (sql) =>
        sql.rows<People[number]>(
          `select u.email, u.display_name, g.name as organisation, o.path as home_ou_path
             from users u join ous o on o.id = u.home_ou_id join organisations g on g.id = u.organisation_id
            where u.id = any ($1) order by u.created_at, u.id`,
          [members.map((member) => member.user_id)],
        ),
      )),
    );
  return people;
}
