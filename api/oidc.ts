import { createRemoteJWKSet, type JWTPayload, jwtVerify } from "jose";

/** Verifies tokens of the identity providers an organisation trusts; discovers and caches their keys. */
export interface OidcVerifier {
  verify(token: string, issuer: string, audiences: string[], now: Date): Promise<JWTPayload>;
}

const algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

export function createOidcVerifier(): OidcVerifier {
  const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

  async function keySetOf(issuer: string) {
    const known = keySets.get(issuer);
    if (known !== undefined) return known;
    const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(5_000),
      redirect: "error",
    });
    if (!response.ok) throw new Error(`discovery of ${issuer} answered ${response.status}`);
    const metadata = (await response.json()) as { issuer?: string; jwks_uri?: string };
    // RFC 8414 §3.3: a document that names another issuer must not be used.
    if (metadata.issuer !== issuer || metadata.jwks_uri === undefined)
      throw new Error(`discovery of ${issuer} names issuer ${metadata.issuer}`);
    // An unknown `kid` makes jose fetch the keys again, at most once per cooldown: that is key rotation.
    const keySet = createRemoteJWKSet(new URL(metadata.jwks_uri), { cooldownDuration: 2_000, timeoutDuration: 5_000 });
    keySets.set(issuer, keySet);
    return keySet;
  }

  return {
    async verify(token, issuer, audiences, now) {
      const { payload } = await jwtVerify(token, await keySetOf(issuer), {
        issuer,
        audience: audiences,
        algorithms,
        currentDate: now,
        requiredClaims: ["exp", "sub"],
      });
      return payload;
    },
  };
}
