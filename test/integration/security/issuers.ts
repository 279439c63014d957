import type { webcrypto } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { v7 } from "uuid";
import { unseal } from "../../../core/sealing.ts";
import { createOrganisation } from "../../../db/create-organisation.ts";
import { openDatabase } from "../../../db/database.ts";
import { query } from "../../support/database.ts";
import { sharedStack } from "../../support/organisation.ts";

/** Somebody whose tokens the API accepts, with all that it takes to make good ones and bad ones. */
export interface Issuer {
  alg: string;
  kid: string;
  issuer: string;
  audience: string;
  typ: string;
  /** Of a good token, without the times. */
  claims: JWTPayload;
  publicJwk: JWK;
  /** Signs with the issuer's own key. Undefined takes a claim, or a header, away. */
  sign(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** Signs JSON as it is written, whatever it says. */
  signText(header: string, payload: string): Promise<string>;
}

function issuerOf(privateJwk: JWK, facts: Omit<Issuer, "sign" | "signText" | "publicJwk">): Issuer {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicJwk } = privateJwk;
  const key = importJWK(privateJwk, facts.alg);
  return {
    ...facts,
    publicJwk,
    async sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = { ...facts.claims, iss: facts.issuer, aud: facts.audience, iat: now, exp: now + 120, ...claims };
      return new SignJWT({ jti: crypto.randomUUID(), ...all })
        .setProtectedHeader({ alg: facts.alg, kid: facts.kid, typ: facts.typ, ...header })
        .sign(await key);
    },
    async signText(header, payload) {
      const input = [header, payload].map((text) => Buffer.from(text).toString("base64url")).join(".");
      const imported = (await key) as webcrypto.CryptoKey;
      const signature = await crypto.subtle.sign(imported.algorithm.name, imported, Buffer.from(input));
      return `${input}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

/** The API itself: with its newest key, as only a thief of the sealing key could have it. */
export async function ownIssuer(claims: JWTPayload): Promise<Issuer> {
  const { sealingKey, apiUrl } = sharedStack();
  const [row] = await query<{ kid: string; sealed_private_jwk: string }>(
    "select kid, sealed_private_jwk from signing_keys where retires_at > now() order by created_at desc limit 1",
  );
  const jwk = JSON.parse(unseal(Buffer.from(sealingKey, "base64url"), row?.sealed_private_jwk ?? "")) as JWK;
  const facts = { alg: "EdDSA", kid: row?.kid ?? "", issuer: apiUrl, audience: apiUrl, typ: "at+jwt", claims };
  return issuerOf(jwk, facts);
}

/** An identity provider that signs with RSA, the organisation that trusts it, and its admin, who has signed in. */
export async function foreignIssuer(): Promise<Issuer & { organisationId: string; close(): Promise<void> }> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = crypto.randomUUID();
  const server = createServer((request, response) => {
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const documents: Record<string, unknown> = {
      "/.well-known/openid-configuration": { issuer, jwks_uri: `${issuer}/jwks` },
      "/jwks": { keys: [{ kty: jwk.kty, n: jwk.n, e: jwk.e, kid, alg: "RS256", use: "sig" }] },
    };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(documents[request.url ?? ""] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const audience = "powerloom";
  const name = `tokens-${v7().slice(-10)}`;
  const adminEmail = `ada@${name}.test`;
  const db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 1 });
  const { organisationId } = await createOrganisation(db, () => v7(), {
    name,
    displayName: name,
    adminEmail,
    adminName: "Ada Admin",
    identityProvider: { issuer, audience },
  });
  await db.close();
  const claims = { sub: "ada", email: adminEmail, email_verified: true };
  return {
    ...issuerOf(jwk, { alg: "RS256", kid, issuer, audience, typ: "JWT", claims }),
    organisationId,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
