import { Router } from "express";
import type { z } from "zod";
import { devSignInInput, type signInOptions } from "../../contracts/console.ts";
import { PowerloomError } from "../../core/errors.ts";
import { callerOf } from "../authenticate.ts";
import { devPeople, findDevUser, onlyInDevMode } from "../console/dev-users.ts";
import { refuseCrossSite } from "../console/refuse-cross-site.ts";
import { crossSite } from "../console/same-origin.ts";
import { signOut, startConsoleSession } from "../console/sessions.ts";
import { onlyOrganisationWithProvider } from "../console/sign-in-options.ts";
import type { ApiDeps } from "../deps.ts";
import { parseInput } from "../problem.ts";
import { recordSecurityEvent } from "../security-events.ts";

/** How one may sign in, and signing in as a seeded person in dev mode. Without authentication. */
export function signInRoutes(deps: ApiDeps): Router {
  const router = Router();

  router.get("/sign-in/options", async (_req, res) => {
    res.locals["operation"] = "sign_in.options";
    const { mode, environment } = deps.config;
    const options: z.infer<typeof signInOptions> = {
      mode,
      environment,
      people: mode === "dev" ? await devPeople(deps) : [],
      oidc: await onlyOrganisationWithProvider(deps),
    };
    res.set("Cache-Control", "no-store").json(options);
  });

  router.post("/sign-in/dev", onlyInDevMode(deps), refuseCrossSite(deps, crossSite), async (req, res) => {
    res.locals["operation"] = "sign_in.dev";
    const { email } = parseInput(devSignInInput, req.body ?? {});
    const person = await findDevUser(deps, email);
    await startConsoleSession(deps, req, res, person, "dev").catch(async (error: unknown) => {
      if (error instanceof PowerloomError && error.code === "forbidden")
        await recordSecurityEvent(deps, "suspended_principal", { reason: error.message, path: req.path });
      throw error;
    });
    res.set("Cache-Control", "no-store").status(204).end();
  });

  return router;
}

/** `POST /sign-out`: behind authentication, which has said whose browser it is. */
export function signOutRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.post("/sign-out", async (_req, res) => {
    res.locals["operation"] = "sign_out";
    const caller = callerOf(res);
    if (caller.consoleSession === undefined)
      throw new PowerloomError(
        "bad_request",
        "Only a browser's sign-in can be ended here; a token runs out by itself.",
      );
    await signOut(deps, res, caller, caller.consoleSession);
    res.set("Cache-Control", "no-store").status(204).end();
  });
  return router;
}
