import { z } from "zod";
import { email, slug } from "./fields.ts";

/** Why a sign-in at an identity provider did not end well, as `/sign-in?error=…` tells it. The console has words for each. */
export const signInErrors = [
  /** The person, or the provider for them, said no. */
  "access_denied",
  /** Took too long, was begun in another browser, or was finished before. */
  "begin_again",
  /** No organisation of this name has an identity provider. */
  "unknown_organisation",
  /** The provider knows them, the organisation does not (or not by a verified address). */
  "unknown_person",
  "suspended",
  "provider_away",
  /** Too many from one address within a minute. */
  "too_many_requests",
  /** A part of ours cannot be reached. */
  "unavailable",
  /** What the provider answered is not to be trusted, or it does not know this client. */
  "provider_refused",
] as const;
export type SignInError = (typeof signInErrors)[number];

export const signInOptions = z
  .object({
    mode: z.enum(["dev", "production"]),
    environment: z.string().describe("What people call this installation"),
    people: z
      .array(
        z.object({
          email: z.string(),
          display_name: z.string(),
          organisation: z.string(),
          home_ou_path: z.string(),
        }),
      )
      .describe("Whom one may sign in as, in dev mode; at most 50"),
    oidc: z
      .array(z.object({ organisation: z.string(), display_name: z.string() }))
      .describe(
        "The organisation with an identity provider, when there is exactly one; otherwise it is asked for by name",
      ),
  })
  .meta({ id: "SignInOptions", description: "How one can sign in" });

export const devSignInInput = z.strictObject({ email });

export const oidcSignInQuery = z.object({
  organisation: slug.describe("Name of the organisation"),
  return_to: z.string().optional().describe("Path of the page to go to afterwards; for anything else it is `/`"),
});
