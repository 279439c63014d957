import { Router } from "express";
import { z } from "zod";
import { email } from "../../contracts/fields.ts";
import { accessTokenType } from "../authenticate.ts";
import { findDevUser, onlyInDevMode } from "../console/dev-users.ts";
import { refuseCrossSite } from "../console/refuse-cross-site.ts";
import { foreignOrigin } from "../console/same-origin.ts";
import type { ApiDeps } from "../deps.ts";
import { parseInput } from "../problem.ts";

const devTokenSeconds = 12 * 3600;

/** `POST /dev/login`: a token for a seeded person without proof. Exists only in dev mode, and not for other sites' pages. */
export function devLoginRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.post("/dev/login", onlyInDevMode(deps), refuseCrossSite(deps, foreignOrigin), async (req, res) => {
    const input = parseInput(z.strictObject({ email }), req.body ?? {});
    const { organisationId, principalId } = await findDevUser(deps, input.email);
    const access_token = await deps.keys.sign(
      { sub: principalId, org: organisationId, client_id: "dev" },
      { typ: accessTokenType, audience: deps.config.apiUrl, seconds: devTokenSeconds, now: deps.now() },
    );
    res.set("Cache-Control", "no-store").json({ access_token, token_type: "Bearer", expires_in: devTokenSeconds });
  });
  return router;
}
