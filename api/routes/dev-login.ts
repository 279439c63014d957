import { Router } from "express";
import { z } from "zod";
import { email } from "../../contracts/fields.ts";
import { PowerloomError } from "../../core/errors.ts";
import { accessTokenType } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { parseInput } from "../problem.ts";
import { recordSecurityEvent } from "../security-events.ts";

const devTokenSeconds = 12 * 3600;

/** `POST /dev/login`: a token for a seeded person without proof. Exists only in dev mode. */
export function devLoginRoutes(deps: ApiDeps): Router {
  const router = Router();
  router.post("/dev/login", async (req, res) => {
    if (deps.config.mode !== "dev")
      throw new PowerloomError("not_found", "Dev login exists only in dev mode. Sign in with your identity provider.");
    const input = parseInput(z.strictObject({ email }), req.body ?? {});
    const found = await deps.db.anywhere.maybe<{ organisation_id: string; user_id: string }>(
      "select * from find_dev_user($1)",
      [input.email],
    );
    if (found === undefined) {
      await recordSecurityEvent(deps, "dev_login_unknown", {});
      throw new PowerloomError(
        "not_found",
        `No user found with email \`${input.email}\`. Check the email address and try again.`,
      );
    }
    const access_token = await deps.keys.sign(
      { sub: found.user_id, org: found.organisation_id, client_id: "dev" },
      { typ: accessTokenType, audience: deps.config.apiUrl, seconds: devTokenSeconds, now: deps.now() },
    );
    res.set("Cache-Control", "no-store").json({ access_token, token_type: "Bearer", expires_in: devTokenSeconds });
  });
  return router;
}
