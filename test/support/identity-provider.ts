import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { Provider } from "oidc-provider";

export interface Account {
  sub: string;
  email: string;
  verified: boolean;
}

export interface IdentityProvider {
  issuer: string;
  /** Signs somebody in with the authorization code flow, and returns the ID token. */
  signIn(account: Account, client?: string): Promise<string>;
  /**
   * What a browser does that was sent here: signs the account in, or says no.
   * @returns the URL it is sent back to
   */
  authorise(url: string, account: Account | "says no"): Promise<string>;
  /** Signs with a key that is new to everybody; the one before is published no more. */
  rotate(): Promise<void>;
  /** The private key in force: for tokens that are wrong in one point only. */
  key(): JWK;
  close(): Promise<void>;
}

export const audience = "powerloom-console";
export const otherAudience = "payroll";
const callback = "https://console.example/callback";

/** Without a secret: proves itself by PKCE alone, and may not do without. */
export const publicClient = "powerloom-public";
export const clientSecret = "client-secret";

/**
 * A real OpenID provider (`oidc-provider`) on a port of its own.
 * @param callbacks redirect URIs of its clients, besides one that nobody listens at
 * @param host its name; to a browser `localhost` is another site than 127.0.0.1
 */
export async function startIdentityProvider(callbacks: string[] = [], host = "127.0.0.1"): Promise<IdentityProvider> {
  const accounts = new Map<string, Account>();
  let key = await newKey();
  let handle: RequestListener = (_request, response) => response.end();
  const http = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://${host}:${(http.address() as AddressInfo).port}`;

  function build(): void {
    const provider = new Provider(issuer, {
      jwks: { keys: [key] },
      clients: [audience, otherAudience, publicClient].map((id) => ({
        client_id: id,
        ...(id === publicClient ? { token_endpoint_auth_method: "none" } : { client_secret: clientSecret }),
        redirect_uris: [callback, ...callbacks],
        id_token_signed_response_alg: "ES256",
      })),
      claims: { openid: ["sub"], email: ["email", "email_verified"] },
      // Address and verification stand in the ID token itself, as most providers have it.
      conformIdTokenClaims: false,
      pkce: { required: (_context, client) => client.clientId === publicClient },
      ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600 },
      cookies: { keys: ["for tests only"] },
      findAccount(_context, sub) {
        const account = accounts.get(sub);
        const claims = { sub, email: account?.email, email_verified: account?.verified };
        return account === undefined ? undefined : { accountId: sub, claims: () => claims };
      },
      async loadExistingGrant(context) {
        const grant = new provider.Grant({
          clientId: context.oidc.client?.clientId ?? "",
          accountId: context.oidc.session?.accountId ?? "",
        });
        grant.addOIDCScope("openid email");
        await grant.save();
        return grant;
      },
    });
    const serve = provider.callback();
    handle = (request, response) => void serve(request, response);
  }
  build();

  async function authorise(first: string, account: Account | "says no"): Promise<string> {
    if (account !== "says no") accounts.set(account.sub, account);
    const cookies = new Map<string, string>();
    const step = async (url: string, form?: Record<string, string>): Promise<string> => {
      const answer = await fetch(new URL(url, issuer), {
        redirect: "manual",
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
      });
      for (const line of answer.headers.getSetCookie()) {
        const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
        cookies.set(name, value);
      }
      const location = answer.headers.get("location");
      if (location === null) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
      return location;
    };
    const interaction = await step(first);
    const resumed =
      account === "says no"
        ? await step(`${interaction}/abort`)
        : await step(interaction, { prompt: "login", login: account.sub, password: "any" });
    return step(resumed);
  }

  return {
    issuer,
    authorise,
    async signIn(account, client = audience) {
      const wanted = { client_id: client, response_type: "code", scope: "openid email", redirect_uri: callback };
      const back = await authorise(`/auth?${new URLSearchParams(wanted).toString()}`, account);
      const code = new URL(back).searchParams.get("code") ?? "";
      const answer = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${client}:${clientSecret}`).toString("base64")}` },
        body: new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: callback }),
      });
      const { id_token } = (await answer.json()) as { id_token?: string };
      if (id_token === undefined) throw new Error(`no ID token: ${answer.status}`);
      return id_token;
    },
    async rotate() {
      key = await newKey();
      build();
    },
    key: () => key,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: crypto.randomUUID() };
}
