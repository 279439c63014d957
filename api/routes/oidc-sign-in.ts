import { type Request, type Response, Router } from "express";
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import { oidcSignInQuery } from "../../contracts/console.ts";
import type { Identifier } from "../authenticate.ts";
import { createOidcClients, findProvider, providerOf } from "../console/identity-providers.ts";
import { rememberSignIn, takePendingSignIn } from "../console/pending-sign-in.ts";
import { safeReturnTo } from "../console/return-to.ts";
import { startConsoleSession } from "../console/sessions.ts";
import { SignInFault, toSignInFault } from "../console/sign-in-fault.ts";
import type { ApiDeps } from "../deps.ts";
import { limitByAddress } from "../rate-limits.ts";
import { recordSecurityEvent } from "../security-events.ts";

/**
 * Signing in at an organisation's identity provider: authorization code with PKCE (RFC 7636), state, nonce and `iss`
 * (RFC 9207). Both routes are pages to a browser: they lead on, or back to `/sign-in?error=…`.
 */
export function oidcSignInRoutes(deps: ApiDeps, identifier: Identifier): Router {
  const router = Router();
  const clientOf = createOidcClients(deps);
  const callback = `${deps.config.apiUrl}/sign-in/callback`;

  const limited = limitByAddress(deps, {
    handler: (req, res) =>
      void orBack(req, res, () => {
        throw new SignInFault("too_many_requests", "more came from one address within a minute than may");
      }),
  });

  router.get("/sign-in/oidc", limited, async (req, res) => {
    res.locals["operation"] = "sign_in.oidc";
    await orBack(req, res, () => begin(req, res));
  });
  router.get("/sign-in/callback", limited, async (req, res) => {
    res.locals["operation"] = "sign_in.callback";
    await orBack(req, res, () => finish(req, res));
  });
  return router;

  /** @returns where the provider wants the browser */
  async function begin(req: Request, res: Response): Promise<string> {
    const name = oidcSignInQuery.shape.organisation.safeParse(req.query["organisation"]);
    const provider = name.success ? await findProvider(deps, name.data) : undefined;
    if (provider === undefined)
      throw new SignInFault("unknown_organisation", "no organisation of that name has an identity provider");
    const client = await clientOf(provider);
    const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()];
    const url = buildAuthorizationUrl(client, {
      redirect_uri: callback,
      scope: "openid email",
      response_type: "code",
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    const { organisationId, issuer, clientId } = provider;
    const returnTo = safeReturnTo(req.query["return_to"]);
    rememberSignIn(deps, res, { organisationId, issuer, clientId, state, nonce, verifier, returnTo });
    return url.href;
  }

  /** @returns the page the browser came from */
  async function finish(req: Request, res: Response): Promise<string> {
    const pending = takePendingSignIn(deps, req, res);
    if (pending === undefined)
      throw new SignInFault("begin_again", "no sign-in is under way in this browser: late, or finished before");
    if (req.query["state"] !== pending.state)
      throw new SignInFault("begin_again", "the state is not that of the sign-in under way");
    const provider = await providerOf(deps, pending.organisationId, pending.issuer);
    if (provider?.clientId !== pending.clientId)
      throw new SignInFault("begin_again", "the organisation's identity provider has changed meanwhile");
    const url = new URL(callback);
    url.search = new URL(req.originalUrl, callback).search;
    const tokens = await authorizationCodeGrant(await clientOf(provider), url, {
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      pkceCodeVerifier: pending.verifier,
      idTokenExpected: true,
    });
    // Its signature, and whose it is: as of every token of this provider.
    const caller = await identifier.bySignIn(tokens.id_token ?? "", pending.issuer, pending.organisationId);
    await startConsoleSession(deps, req, res, caller, "oidc");
    return pending.returnTo;
  }

  /** Leads on to where `body` says, or back to where one signs in with the reason; why is for whoever runs this. */
  async function orBack(req: Request, res: Response, body: () => Promise<string>): Promise<void> {
    let to: string;
    try {
      to = await body();
    } catch (error) {
      const fault = toSignInFault(error);
      await recordSecurityEvent(deps, "sign_in_refused", { code: fault.code, reason: fault.message, path: req.path });
      deps.log.warn({ code: fault.code, reason: fault.message }, "a sign-in did not end well");
      to = `/sign-in?error=${fault.code}`;
    }
    res.status(302).set({ Location: to, "Cache-Control": "no-store" }).end();
  }
}
