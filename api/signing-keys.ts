import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";
import { Pool } from "pg";
import { seal, unseal } from "../core/sealing.ts";

const algorithm = "EdDSA";
/** A key signs for 30 days and verifies for a day longer: far more than the five minutes of any token. */
const signsForMs = 30 * 24 * 3600 * 1000;
const verifiesForMs = signsForMs + 24 * 3600 * 1000;
const refreshMs = 60_000;
const unknownKeyMs = 1_000;

interface KeyRow {
  kid: string;
  public_jwk: JWK;
  sealed_private_jwk: string;
  created_at: Date;
  retires_at: Date;
}

/** Signs and verifies the control plane's own tokens. Its database role is the only one that can read the keys. */
export interface SigningKeys {
  sign(claims: JWTPayload, options: { typ: string; audience: string; seconds: number; now: Date }): Promise<string>;
  /** Verified claims; throws jose's errors. */
  verify(token: string, options: { typ: string; audience: string; now: Date }): Promise<JWTPayload>;
  jwks(): Promise<{ keys: JWK[] }>;
  /** Makes a new key at once; tokens signed by the one before stay valid. */
  rotate(): Promise<string>;
  close(): Promise<void>;
}

export async function openSigningKeys(options: {
  databaseUrl: string;
  sealingKey: Uint8Array;
  issuer: string;
}): Promise<SigningKeys> {
  const pool = new Pool({ connectionString: options.databaseUrl, max: 2, application_name: "powerloom-issuer" });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  let rows: KeyRow[] = [];
  let keySet = createLocalJWKSet({ keys: [] });
  let loadedAt = 0;
  // Importing a key costs more than signing with it.
  const privateKeys = new Map<string, ReturnType<typeof importJWK>>();

  async function load(oldestMs = refreshMs): Promise<KeyRow[]> {
    // A key verifies until it retires, and not until somebody looks again.
    const retired = rows.some((key) => key.retires_at.getTime() <= Date.now());
    if (rows.length > 0 && !retired && Date.now() - loadedAt < oldestMs) return rows;
    const result = await pool.query<KeyRow>(
      "select kid, public_jwk, sealed_private_jwk, created_at, retires_at from signing_keys where retires_at > clock_timestamp() order by created_at desc",
    );
    rows = result.rows;
    keySet = createLocalJWKSet({ keys: rows.map((key) => key.public_jwk) });
    loadedAt = Date.now();
    return rows;
  }

  async function rotate(): Promise<string> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    await pool.query(
      "insert into signing_keys (kid, public_jwk, sealed_private_jwk, retires_at) values ($1, $2, $3, $4)",
      [
        kid,
        { ...publicJwk, kid, alg: algorithm, use: "sig" },
        seal(options.sealingKey, JSON.stringify(await exportJWK(privateKey))),
        new Date(Date.now() + verifiesForMs),
      ],
    );
    await load(0);
    return kid;
  }

  async function current(): Promise<KeyRow> {
    const [newest] = await load();
    if (newest !== undefined && Date.now() - newest.created_at.getTime() < signsForMs) return newest;
    await rotate();
    const [made] = rows;
    if (made === undefined) throw new Error("no signing key");
    return made;
  }

  await current();
  return {
    async sign(claims, { typ, audience, seconds, now }) {
      const key = await current();
      let privateKey = privateKeys.get(key.kid);
      if (privateKey === undefined) {
        privateKey = importJWK(JSON.parse(unseal(options.sealingKey, key.sealed_private_jwk)) as JWK, algorithm);
        privateKeys.set(key.kid, privateKey);
      }
      const issuedAt = Math.floor(now.getTime() / 1000);
      return new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, typ, kid: key.kid })
        .setIssuer(options.issuer)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + seconds)
        .setJti(crypto.randomUUID())
        .sign(await privateKey);
    },
    async verify(token, { typ, audience, now }) {
      const check = () =>
        jwtVerify(token, keySet, {
          issuer: options.issuer,
          audience,
          typ,
          algorithms: [algorithm],
          currentDate: now,
          requiredClaims: ["exp", "iat", "sub", "jti"],
        });
      try {
        await load();
        return (await check()).payload;
      } catch (error) {
        // Another process may have rotated since: look once more before refusing, though not for every forged key id.
        if (!(error instanceof Error && "code" in error && error.code === "ERR_JWKS_NO_MATCHING_KEY")) throw error;
        await load(unknownKeyMs);
        return (await check()).payload;
      }
    },
    jwks: async () => ({ keys: (await load()).map((key) => key.public_jwk) }),
    rotate,
    close: () => pool.end(),
  };
}
