import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { PowerloomError } from "../core/errors.ts";

/** Verifies tokens of the identity providers an organisation trusts; discovers and caches their keys. */
export interface OidcVerifier {
  verify(token: string, issuer: string, audiences: string[], now: Date): Promise<JWTPayload>;
}

/** ID tokens (untyped, or `JWT`) and access tokens (RFC 9068). A logout token of the same provider is neither. */
const types = ["", "jwt", "at+jwt", "application/at+jwt"];
const algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

export function createOidcVerifier(): OidcVerifier {
  const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

  async function keySetOf(issuer: string) {
    const known = keySets.get(issuer);
    if (known !== undefined) return known;
    const response = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(5_000),
      redirect: "error",
    }).catch((error: unknown) => {
      throw unreachable(issuer, error);
    });
    if (!response.ok) throw unreachable(issuer, new Error(`discovery answered ${response.status}`));
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
      const keySet = await keySetOf(issuer);
      const { payload, protectedHeader } = await jwtVerify(token, keySet, {
        issuer,
        audience: audiences,
        algorithms,
        currentDate: now,
        requiredClaims: ["exp", "sub"],
      }).catch((error: unknown) => {
        // Not the token's fault: its keys could not be fetched.
        if (
          !(error instanceof errors.JOSEError) ||
          error.constructor === errors.JOSEError ||
          error instanceof errors.JWKSTimeout
        )
          throw unreachable(issuer, error);
        throw error;
      });
      if (!types.includes((protectedHeader.typ ?? "").toLowerCase()))
        throw new Error(`it is of type ${protectedHeader.typ}, not one to sign in with`);
      return payload;
    },
  };
}

function unreachable(issuer: string, cause: unknown): PowerloomError {
  return new PowerloomError(
    "unavailable",
    `The identity provider ${issuer} cannot be reached; try again.`,
    {},
    { cause },
  );
}
