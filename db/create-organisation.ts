import { PowerloomError } from "../core/errors.ts";
import { type Database, sqlState } from "./database.ts";
import { appendAudit } from "./queries/audit.ts";
import { insertOu } from "./queries/ous.ts";

export interface NewOrganisation {
  /** Slug; also the name of the root OU. */
  name: string;
  displayName: string;
  adminEmail: string;
  adminName: string;
  /** The identity provider whose tokens are accepted; absent in dev mode. */
  identityProvider?: {
    issuer: string;
    /** What tokens' `aud` must be: the client id, where browsers sign in. */
    audience: string;
    /** Of a confidential client; without it browsers sign in as from a public one, with PKCE alone. */
    sealedClientSecret?: string;
  };
}

/**
 * Creates an organisation with its root OU and first OrgAdmin: the one mutation that nobody inside can ask for.
 * @throws PowerloomError `conflict` when the name is taken
 */
export async function createOrganisation(
  db: Database,
  newId: () => string,
  organisation: NewOrganisation,
): Promise<{ organisationId: string; adminId: string; rootOuPath: string }> {
  const organisationId = newId();
  const adminId = newId();
  try {
    const root = await db.inOrganisation(organisationId, async (tx) => {
      await tx.run("insert into organisations (id, name, display_name) values ($1, $2, $3)", [
        organisationId,
        organisation.name,
        organisation.displayName,
      ]);
      await tx.run("insert into authority_versions (organisation_id) values ($1)", [organisationId]);
      if (organisation.identityProvider !== undefined)
        await tx.run(
          "insert into identity_providers (organisation_id, issuer, audience, sealed_client_secret) values ($1, $2, $3, $4)",
          [
            organisationId,
            organisation.identityProvider.issuer,
            organisation.identityProvider.audience,
            organisation.identityProvider.sealedClientSecret ?? null,
          ],
        );
      const ou = await insertOu(tx, organisationId, {
        id: newId(),
        name: organisation.name,
        displayName: organisation.displayName,
        parent: null,
      });
      await tx.run(
        "insert into users (id, organisation_id, email, display_name, home_ou_id) values ($1, $2, lower($3), $4, $5)",
        [adminId, organisationId, organisation.adminEmail, organisation.adminName, ou.id],
      );
      await tx.run(
        "insert into bindings (id, organisation_id, ou_id, role, user_id) values ($1, $2, $3, 'OrgAdmin', $4)",
        [newId(), organisationId, ou.id, adminId],
      );
      appendAudit(tx, {
        id: organisationId,
        sub: null,
        act: null,
        delegated_from_session: null,
        operation: "organisation.create",
        ou: ou.path,
        target: `organisation:${organisationId}`,
        digest: null,
        rule: "operator",
        approval_id: null,
        outcome: "applied",
        detail: { name: organisation.name, admin: organisation.adminEmail },
      });
      return ou;
    });
    return { organisationId, adminId, rootOuPath: root.path };
  } catch (error) {
    if (sqlState(error) === "23505")
      throw new PowerloomError(
        "conflict",
        `An organisation named \`${organisation.name}\` already exists.`,
        {},
        { cause: error },
      );
    throw error;
  }
}
