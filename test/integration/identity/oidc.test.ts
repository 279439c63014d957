import type { webcrypto } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { v7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOrganisation } from "../../../db/create-organisation.ts";
import { openDatabase } from "../../../db/database.ts";
import { personWith } from "../../../demo/api.ts";
import { ask } from "../../support/ask.ts";
import { query, securityEvents } from "../../support/database.ts";
import {
  audience,
  type IdentityProvider,
  otherAudience,
  startIdentityProvider,
} from "../../support/identity-provider.ts";
import { eventually, sharedStack } from "../../support/organisation.ts";

const stack = sharedStack();
const name = `oidc-${v7().slice(-10)}`;
const ada = { sub: "ada-at-idp", email: `ada@${name}.test`, verified: true };
let idp: IdentityProvider;
let organisationId: string;

beforeAll(async () => {
  idp = await startIdentityProvider();
  const db = openDatabase(stack.databaseUrl, { name: "powerloom-test", max: 2 });
  ({ organisationId } = await createOrganisation(db, () => v7(), {
    name,
    displayName: name,
    adminEmail: ada.email,
    adminName: "Ada Admin",
    identityProvider: { issuer: idp.issuer, audience },
  }));
  await db.close();
});
afterAll(() => idp.close());

const meAs = (token: string) => ask(token, "GET", "/me");

/** 401, and why, as the security event tells it. */
async function refusal(token: string): Promise<string> {
  const before = (await securityEvents("invalid_token")).length;
  const answer = await meAs(token);
  expect(answer.status).toBe(401);
  expect(answer.body["code"]).toBe("unauthenticated");
  const events = await securityEvents("invalid_token");
  expect(events).toHaveLength(before + 1);
  expect(JSON.stringify(events)).not.toContain(token.slice(-20));
  return String(events.at(-1)?.["reason"]);
}

/** A token that would be accepted but for what is overridden. */
async function signed(
  claims: JWTPayload = {},
  header: Record<string, unknown> = {},
  key: JWK | webcrypto.CryptoKey | Uint8Array = idp.key(),
): Promise<string> {
  const { kid, alg } = idp.key();
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: idp.issuer, aud: audience, sub: ada.sub, iat: now, exp: now + 60, ...claims })
    .setProtectedHeader({ alg: alg ?? "", ...(kid === undefined ? {} : { kid }), ...header })
    .sign(key instanceof Uint8Array || !("kty" in key) ? key : await importJWK(key, alg));
}

describe("an organisation's own identity provider", () => {
  test("the first sign-in links by verified address, is audited, and the token works everywhere", async () => {
    const token = await idp.signIn(ada);
    const answers = await Promise.all([meAs(token), meAs(token), meAs(token)]);
    for (const answer of answers)
      expect(answer).toMatchObject({
        status: 200,
        body: { email: ada.email, organisation_id: organisationId, actor: null },
      });
    const ous = await personWith(stack.apiUrl, ada.email, token).get<{ data: { path: string }[] }>("/ous");
    expect(ous.data.map(({ path }) => path)).toEqual([`/${name}`]);
    const linked = await query<{ body: string }>(
      "select body from control_plane_audit where organisation_id = $1 and entry->>'operation' = 'user.link'",
      [organisationId],
    );
    expect(linked).toHaveLength(1);
    expect(JSON.parse(linked[0]?.body ?? "{}")).toMatchObject({ detail: { issuer: idp.issuer, subject: ada.sub } });
  });

  test("from then on only issuer and subject count: the address may change, another account with it is refused", async () => {
    const renamed = await idp.signIn({ ...ada, email: "ada.married@elsewhere.test", verified: false });
    expect(await meAs(renamed)).toMatchObject({ status: 200, body: { email: ada.email } });
    expect(await refusal(await idp.signIn({ ...ada, sub: "somebody-else" }))).toMatch(/no user .* matches/);
  });

  test("an address that is not verified links nobody", async () => {
    const admin = personWith(stack.apiUrl, ada.email, await idp.signIn(ada));
    const email = `bob@${name}.test`;
    await admin.make("/users", { email, display_name: "Bob", home_ou: `/${name}` });
    expect(await refusal(await idp.signIn({ sub: "bob", email, verified: false }))).toMatch(/no user .* matches/);
    expect(await meAs(await idp.signIn({ sub: "bob", email: email.toUpperCase(), verified: true }))).toMatchObject({
      status: 200,
      body: { email },
    });
  });

  test("a token for another application of the same provider is refused", async () => {
    expect(await refusal(await idp.signIn(ada, otherAudience))).toMatch(/"aud"/);
  });

  test("the control: a token signed by hand with the provider's key, with nothing wrong, is accepted", async () => {
    expect((await meAs(await signed())).status).toBe(200);
    expect((await meAs(await signed({}, { typ: "at+jwt" }))).status).toBe(200);
  });

  test.each<[string, RegExp, () => Promise<string>]>([
    ["of an issuer nobody trusts", /no organisation trusts/, () => signed({ iss: "https://evil.example" })],
    ["without an issuer", /names no issuer/, () => signed({ iss: undefined as never })],
    ["that has expired", /"exp"/, () => signed({ exp: Math.floor(Date.now() / 1000) - 1 })],
    ["that never expires", /"exp"/, () => signed({ exp: undefined as never })],
    ["that is not valid yet", /"nbf"/, () => signed({ nbf: Math.floor(Date.now() / 1000) + 60 })],
    ["without a subject", /"sub"/, () => signed({ sub: undefined as never })],
    ["of alg none", /canonical/, async () => `${part({ alg: "none" })}.${(await signed()).split(".")[1]}.`],
    [
      "of alg none with a signature",
      /not signed/,
      async () => {
        const [, payload, signature] = (await signed()).split(".");
        return `${part({ alg: "none" })}.${payload}.${signature}`;
      },
    ],
    [
      "signed HS256 with the public key",
      /alg/,
      async () => {
        const publicKey = (await importJWK({ ...idp.key(), d: undefined as never }, "ES256")) as webcrypto.CryptoKey;
        const pem = new TextEncoder().encode(await exportSPKI(publicKey));
        return signed({}, { alg: "HS256" }, pem);
      },
    ],
    [
      "signed with another key under the same id",
      /signature/,
      async () => signed({}, {}, (await generateKeyPair("ES256")).privateKey),
    ],
    [
      "that brings its own key",
      /signature/,
      async () => {
        const { privateKey, publicKey } = await generateKeyPair("ES256");
        return signed({}, { jwk: await exportJWK(publicKey) }, privateKey);
      },
    ],
    [
      "with an unknown critical header",
      /not recognized/,
      async () => {
        const [, payload, signature] = (await signed()).split(".");
        return `${part({ alg: "ES256", kid: idp.key().kid, crit: ["exp2"], exp2: 1 })}.${payload}.${signature}`;
      },
    ],
    ["with its signature cut off", /canonical/, async () => (await signed()).replace(/[^.]+$/, "")],
    ["with half a signature", /signature/, async () => (await signed()).slice(0, -42)],
    [
      "with a claim changed",
      /signature/,
      async () => {
        const [header, , signature] = (await signed()).split(".");
        const now = Math.floor(Date.now() / 1000);
        return `${header}.${part({ iss: idp.issuer, aud: audience, sub: ada.sub, exp: now + 9999 })}.${signature}`;
      },
    ],
    [
      "in base64url that is not canonical",
      /canonical/,
      async () => {
        const token = await signed();
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        // 64 bytes end in four bits of which the last four are padding: the next letter decodes to the same bytes.
        return `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1]}`;
      },
    ],
    ["of a type one does not sign in with", /logout\+jwt/, () => signed({}, { typ: "logout+jwt" })],
    ["that is no JWT at all", /canonical/, async () => "nonsense"],
  ])("a token %s is refused with 401 and a security event", async (_what, reason, make) => {
    expect(await refusal(await make())).toMatch(reason);
  });

  test("a suspended person is refused, and the refusal is written down", async () => {
    const cara = { sub: "cara", email: `cara@${name}.test`, verified: true };
    const admin = personWith(stack.apiUrl, ada.email, await idp.signIn(ada));
    await admin.make("/users", { email: cara.email, display_name: "Cara", home_ou: `/${name}` });
    const token = await idp.signIn(cara);
    expect((await meAs(token)).status).toBe(200);
    await query("update users set status = 'suspended' where email = $1", [cara.email]);
    expect(await meAs(token)).toMatchObject({ status: 403, body: { detail: `${cara.email} is suspended.` } });
    expect(await securityEvents("suspended_principal")).toContainEqual({
      reason: `${cara.email} is suspended.`,
      path: "/me",
    });
  });

  test("when the provider rotates its key, new tokens are accepted without a restart, and of the old key none", async () => {
    const before = await signed();
    const old = idp.key();
    expect((await meAs(before)).status).toBe(200);
    await idp.rotate();
    const token = await idp.signIn(ada);
    await eventually(
      async () => ((await meAs(token)).status === 200 ? true : undefined),
      "the new key is known",
      5_000,
    );
    expect(await refusal(await signed({}, { kid: old.kid }, old))).toMatch(/no applicable key/);
  });

  test("a provider that cannot be reached is a 503, not a bad token", async () => {
    const dead = await startIdentityProvider();
    const db = openDatabase(stack.databaseUrl, { name: "powerloom-test", max: 2 });
    await createOrganisation(db, () => v7(), {
      name: `${name}-dead`,
      displayName: "Dead",
      adminEmail: `admin@${name}-dead.test`,
      adminName: "Ada",
      identityProvider: { issuer: dead.issuer, audience },
    });
    await db.close();
    await dead.close();
    const answer = await meAs(await signed({ iss: dead.issuer }));
    expect(answer).toMatchObject({ status: 503, body: { code: "unavailable", retryable: true } });
  });
});

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
