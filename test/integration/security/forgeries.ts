import type { webcrypto } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import type { Issuer } from "./issuers.ts";

/** A token that must be refused: how it is made from what its issuer has, and what the record says of it. */
export interface Forgery {
  what: string;
  reason: RegExp;
  make: (issuer: Issuer, lure: string) => Promise<string>;
  /** Only for tokens of the API itself, or only for those of an identity provider. */
  only?: "own" | "foreign";
}

const encode = (text: string | object) =>
  Buffer.from(typeof text === "string" ? text : JSON.stringify(text)).toString("base64url");
const parts = (token: string) => token.split(".") as [string, string, string];
const seconds = () => Math.floor(Date.now() / 1000);

/** Signed by a stranger's key, with these headers. */
async function strange(issuer: Issuer, header: (publicJwk: JWK) => Record<string, unknown>): Promise<string> {
  const { privateKey, publicKey } = await generateKeyPair(issuer.alg, { extractable: true });
  const [, payload] = parts(await issuer.sign());
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: issuer.alg, typ: issuer.typ, ...header(await exportJWK(publicKey)) })
    .sign(privateKey);
}

/** Authenticated with a secret that everybody knows: the public key, written in one way or another. */
async function confused(issuer: Issuer, alg: string, write: (issuer: Issuer) => Promise<string | Buffer>) {
  const [, payload] = parts(await issuer.sign());
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const secret = Buffer.from(await write(issuer));
  return new SignJWT(claims).setProtectedHeader({ alg, typ: issuer.typ, kid: issuer.kid }).sign(secret);
}

const pem = async ({ publicJwk, alg }: Issuer) => exportSPKI((await importJWK(publicJwk, alg)) as webcrypto.CryptoKey);

/** The same bytes written otherwise: the last letter carries bits that nobody reads. */
function otherLetter(text: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? "") + 1];
}

async function withHeader(issuer: Issuer, header: object): Promise<string> {
  const [, payload, signature] = parts(await issuer.sign());
  return `${encode(header)}.${payload}.${signature}`;
}

async function twice(issuer: Issuer, where: "header" | "claims"): Promise<string> {
  const [header, payload] = parts(await issuer.sign()).map((part) => Buffer.from(part, "base64url").toString());
  // The name is written in two ways: equal only to whoever reads it.
  return where === "header"
    ? issuer.signText(`{"alg":"none",${header?.slice(1)}`, payload ?? "")
    : issuer.signText(header ?? "", `{"s\\u0075b":"somebody-else",${payload?.slice(1)}`);
}

export const forgeries: readonly Forgery[] = [
  // Algorithms.
  {
    what: "alg none, without a signature",
    reason: /canonical/,
    make: async (i) => `${encode({ alg: "none", typ: i.typ })}.${parts(await i.sign())[1]}.`,
  },
  {
    what: "alg none, with a signature",
    reason: /not signed|"alg"/,
    make: (i) => withHeader(i, { alg: "none", typ: i.typ, kid: i.kid }),
  },
  { what: "alg nOnE", reason: /"alg"/i, make: (i) => withHeader(i, { alg: "nOnE", typ: i.typ, kid: i.kid }) },
  { what: "no alg", reason: /"alg"/i, make: (i) => withHeader(i, { typ: i.typ, kid: i.kid }) },
  ...(["HS256", "HS384", "HS512"] as const).map((alg) => ({
    what: `${alg} with the public key as PEM`,
    reason: /"alg"/,
    make: (i: Issuer) => confused(i, alg, pem),
  })),
  {
    what: "HS256 with the public key as JWK",
    reason: /"alg"/,
    make: (i) => confused(i, "HS256", async ({ publicJwk }) => JSON.stringify(publicJwk)),
  },
  {
    what: "HS256 with the bytes of the public key",
    reason: /"alg"/,
    make: (i) =>
      confused(i, "HS256", async ({ publicJwk }) => Buffer.from(publicJwk.n ?? publicJwk.x ?? "", "base64url")),
  },
  {
    what: "HS256 with an empty kid and a known secret",
    reason: /"alg"/,
    make: (i) => confused({ ...i, kid: "" }, "HS256", async () => "secret-secret-secret-secret-secret"),
  },
  // Keys.
  { what: "a stranger's key under a known kid", reason: /signature/, make: (i) => strange(i, () => ({ kid: i.kid })) },
  {
    what: "a stranger's key under an unknown kid",
    reason: /no applicable key/,
    make: (i) => strange(i, () => ({ kid: "unknown" })),
  },
  {
    what: "a kid that is a path, and SQL",
    reason: /no applicable key/,
    make: (i) => strange(i, () => ({ kid: "../../dev/null' or '1'='1" })),
  },
  { what: "a stranger's key without a kid", reason: /signature/, make: (i) => strange(i, () => ({})) },
  {
    what: "jku to the stranger's keys",
    reason: /signature/,
    make: (i, lure) => strange(i, () => ({ kid: i.kid, jku: lure })),
  },
  {
    what: "x5u to the stranger's certificate",
    reason: /signature/,
    make: (i, lure) => strange(i, () => ({ kid: i.kid, x5u: lure })),
  },
  { what: "the stranger's key embedded", reason: /signature/, make: (i) => strange(i, (jwk) => ({ kid: i.kid, jwk })) },
  {
    what: "the stranger's certificate embedded",
    reason: /signature/,
    make: (i) => strange(i, () => ({ kid: i.kid, x5c: ["MIIB"] })),
  },
  // Claims.
  { what: "for another audience", reason: /"aud"/, make: (i) => i.sign({ aud: "https://elsewhere.example" }) },
  {
    what: "for several other audiences",
    reason: /"aud"/,
    make: (i) => i.sign({ aud: ["https://a.example", "https://b.example"] }),
  },
  { what: "for no audience", reason: /"aud"/, make: (i) => i.sign({ aud: undefined }) },
  { what: "of another issuer", reason: /no organisation trusts/, make: (i) => i.sign({ iss: "https://evil.example" }) },
  { what: "of nearly the same issuer", reason: /no organisation trusts/, make: (i) => i.sign({ iss: `${i.issuer}/` }) },
  { what: "of several issuers", reason: /names no issuer/, make: (i) => i.sign({ iss: [i.issuer] }) },
  {
    what: "of an issuer with a NUL",
    reason: /names no issuer|no organisation trusts/,
    make: (i) => i.sign({ iss: `${i.issuer}\u0000` }),
  },
  { what: "of no issuer", reason: /names no issuer/, make: (i) => i.sign({ iss: undefined }) },
  { what: "expired a second ago", reason: /"exp"/, make: (i) => i.sign({ exp: seconds() - 1 }) },
  { what: "without an end", reason: /"exp"/, make: (i) => i.sign({ exp: undefined }) },
  { what: "with an end that is text", reason: /"exp"/, make: (i) => i.sign({ exp: String(seconds() + 60) }) },
  { what: "not valid yet", reason: /"nbf"/, make: (i) => i.sign({ nbf: seconds() + 60 }) },
  { what: "for nobody", reason: /"sub"/, make: (i) => i.sign({ sub: undefined }) },
  { what: "for a number", reason: /names no principal|"sub"/, make: (i) => i.sign({ sub: 7 }) },
  { what: "of a type that nobody signs in with", reason: /typ|logout/, make: (i) => i.sign({}, { typ: "logout+jwt" }) },
  {
    what: "with an unknown critical header",
    reason: /not recognized|crit/i,
    make: (i) => withHeader(i, { alg: i.alg, typ: i.typ, kid: i.kid, crit: ["exp2"], exp2: 1 }),
  },
  {
    what: "with a payload that is not encoded",
    reason: /b64|unencoded|Unencoded|signature|not recognized/,
    make: (i) => withHeader(i, { alg: i.alg, typ: i.typ, kid: i.kid, crit: ["b64"], b64: false }),
  },
  {
    what: "with an actor of another issuer",
    only: "foreign",
    reason: /actor/,
    make: (i) => i.sign({ act: { sub: "service-of-theirs" } }),
  },
  // Of our own key: nobody but the issuer has it, and still no shape of `act` may pass for a person.
  { what: "of the type of other tokens", only: "own", reason: /"typ"/, make: (i) => i.sign({}, { typ: "JWT" }) },
  { what: "of no type", only: "own", reason: /"typ"/, make: (i) => i.sign({}, { typ: undefined }) },
  { what: "without an id", only: "own", reason: /"jti"/, make: (i) => i.sign({ jti: undefined }) },
  { what: "of no organisation", only: "own", reason: /names no principal/, make: (i) => i.sign({ org: undefined }) },
  { what: "of an organisation that is not one", only: "own", reason: /./, make: (i) => i.sign({ org: "' or true" }) },
  ...[
    ["an empty actor", {}],
    ["an actor without a name", { sub: "" }],
    ["an actor that is a number", { sub: 7 }],
    ["an actor that is a list", [{ sub: "client:x" }]],
    ["an actor that is null", null],
    ["an actor that is text", "client:x"],
    ["an actor of no kind we know", { sub: "group:x" }],
    ["an actor who acts for another", { sub: "client:x", act: { sub: "agent:y" } }],
  ].map(
    ([what, act]): Forgery => ({
      what: `with ${what as string}`,
      only: "own",
      reason: /actor/,
      make: (i) => i.sign({ act, op: "me.get" }),
    }),
  ),
  {
    what: "of an agent without its session",
    only: "own",
    reason: /session/,
    make: (i) => i.sign({ act: { sub: "agent:x" }, op: "agent.list" }),
  },
  {
    what: "of a client without an operation",
    only: "own",
    reason: /no operation/,
    make: (i) => i.sign({ act: { sub: "client:x" } }),
  },
  // Changed on the way.
  {
    what: "with a claim changed",
    reason: /signature/,
    make: async (i) => {
      const [header, payload, signature] = parts(await i.sign());
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
      return `${header}.${encode({ ...claims, exp: seconds() + 9_999 })}.${signature}`;
    },
  },
  {
    what: "with the signature of another token",
    reason: /signature/,
    make: async (i) => [...parts(await i.sign()).slice(0, 2), parts(await i.sign())[2]].join("."),
  },
  { what: "with half a signature", reason: /signature/, make: async (i) => (await i.sign()).slice(0, -42) },
  { what: "with a subject named twice", reason: /twice/, make: (i) => twice(i, "claims") },
  { what: "with an algorithm named twice", reason: /twice/, make: (i) => twice(i, "header") },
  // Written otherwise.
  { what: "with other bits at the end", reason: /canonical/, make: async (i) => otherLetter(await i.sign()) },
  { what: "padded", reason: /canonical/, make: async (i) => `${await i.sign()}==` },
  { what: "padded within", reason: /canonical/, make: async (i) => (await i.sign()).replace(".", "=.") },
  { what: "in the other base64", reason: /canonical/, make: async (i) => `${(await i.sign()).slice(0, -1)}+` },
  {
    what: "with a space within",
    reason: /bearer token|canonical/,
    make: async (i) => (await i.sign()).replace(".", ". "),
  },
  {
    what: "with a tab within",
    reason: /bearer token|canonical/,
    make: async (i) => (await i.sign()).replace(".", ".\t"),
  },
  { what: "in four parts", reason: /canonical/, make: async (i) => `${await i.sign()}.e30` },
  {
    what: "in five parts, as if encrypted",
    reason: /canonical/,
    make: async (i) => `${encode({ alg: "dir", enc: "A256GCM" })}.e30.e30.e30.${parts(await i.sign())[2]}`,
  },
  { what: "longer than any we take", reason: /long/, make: (i) => i.sign({ filler: "x".repeat(9_500) }) },
];
