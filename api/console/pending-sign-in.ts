import type { Request, Response } from "express";
import { z } from "zod";
import type { ApiDeps } from "../deps.ts";
import { clearCookie, readCookie, setCookie, signInCookieName } from "./cookies.ts";

const pendingSeconds = 600;

const schema = z.object({
  /** Nothing else that is sealed under the same key can be taken for one. */
  kind: z.literal("sign-in"),
  organisationId: z.string(),
  issuer: z.string(),
  clientId: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  expiresAt: z.number(),
});

/** What a sign-in at an identity provider must remember until the browser is back. */
export type PendingSignIn = Omit<z.infer<typeof schema>, "kind" | "expiresAt">;

type Deps = Pick<ApiDeps, "config" | "now" | "seal" | "unseal">;

/** Kept by the browser, sealed: before somebody has signed in there is nothing to store. `lax`: the way back is another site's. */
export function rememberSignIn(deps: Deps, res: Response, pending: PendingSignIn): void {
  const expiresAt = deps.now().getTime() + pendingSeconds * 1000;
  const whole: z.infer<typeof schema> = { kind: "sign-in", expiresAt, ...pending };
  setCookie(res, deps.config, signInCookieName(deps.config), deps.seal(JSON.stringify(whole)), {
    sameSite: "lax",
    seconds: pendingSeconds,
  });
}

/** What was remembered, once: the cookie is cleared whatever comes of it. Undefined when there is nothing good. */
export function takePendingSignIn(deps: Deps, req: Request, res: Response): PendingSignIn | undefined {
  const name = signInCookieName(deps.config);
  const sealed = readCookie(req, name);
  clearCookie(res, deps.config, name, "lax");
  if (sealed === undefined) return undefined;
  let opened: unknown;
  try {
    opened = JSON.parse(deps.unseal(sealed));
  } catch {
    return undefined;
  }
  const pending = schema.safeParse(opened);
  return pending.success && deps.now().getTime() < pending.data.expiresAt ? pending.data : undefined;
}
