import { allowInsecureRequests, ClientSecretBasic, type Configuration, discovery, None } from "openid-client";
import type { ApiDeps } from "../deps.ts";

/** The identity provider people of an organisation sign in at, and what we are to it. */
export interface IdentityProvider {
  organisationId: string;
  issuer: string;
  clientId: string;
  /** Null: a public client. */
  sealedClientSecret: string | null;
}

/** The provider of the organisation with this name, or undefined. The first one, where several were set up. */
export async function findProvider(
  deps: Pick<ApiDeps, "db">,
  organisation: string,
): Promise<IdentityProvider | undefined> {
  const found = await deps.db.anywhere.maybe<{ organisation_id: string }>("select * from find_organisation($1)", [
    organisation,
  ]);
  return found === undefined ? undefined : providerOf(deps, found.organisation_id);
}

/** The provider of this organisation: of this issuer, or its first. */
export async function providerOf(
  deps: Pick<ApiDeps, "db">,
  organisationId: string,
  issuer?: string,
): Promise<IdentityProvider | undefined> {
  const row = await deps.db.readOrganisation(organisationId, (sql) =>
    sql.maybe<{ issuer: string; audience: string; sealed_client_secret: string | null }>(
      `select issuer, audience, sealed_client_secret from identity_providers
        where $1::text is null or issuer = $1 order by created_at, issuer limit 1`,
      [issuer ?? null],
    ),
  );
  return row === undefined
    ? undefined
    : { organisationId, issuer: row.issuer, clientId: row.audience, sealedClientSecret: row.sealed_client_secret };
}

/** Seconds a provider is waited for. */
const patienceSeconds = 5;
const keptMs = 10 * 60_000;

/** Finds out where a provider's endpoints are, and remembers it for ten minutes. */
export function createOidcClients(
  deps: Pick<ApiDeps, "now" | "unseal">,
): (provider: IdentityProvider) => Promise<Configuration> {
  const kept = new Map<string, { until: number; client: Configuration }>();
  return async (provider) => {
    const now = deps.now().getTime();
    const key = JSON.stringify(provider);
    const known = kept.get(key);
    if (known !== undefined && now < known.until) return known.client;
    const { issuer, clientId, sealedClientSecret } = provider;
    const client = await discovery(
      new URL(issuer),
      clientId,
      undefined,
      sealedClientSecret === null ? None() : ClientSecretBasic(deps.unseal(sealedClientSecret)),
      // Whoever set up a provider without TLS (on this machine, for trying out) said so by its URL.
      { timeout: patienceSeconds, ...(issuer.startsWith("http://") ? { execute: [allowInsecureRequests] } : {}) },
    );
    kept.set(key, { until: now + keptMs, client });
    return client;
  };
}
