import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from "openid-client";
import type { SignInError } from "../../contracts/console.ts";
import { PowerloomError } from "../../core/errors.ts";
import { isDatabaseAway } from "../../db/database.ts";
import { NobodyMatches } from "../authenticate.ts";

/** A sign-in that did not end well: what the person is told, and what whoever runs this is. */
export class SignInFault extends Error {
  readonly code: SignInError;
  constructor(code: SignInError, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.code = code;
  }
}

/** What went wrong, from whatever was thrown. Its message names no token and repeats nothing of the request. */
export function toSignInFault(error: unknown): SignInFault {
  if (error instanceof SignInFault) return error;
  const fault = (code: SignInError, reason: string) => new SignInFault(code, reason, { cause: error });
  if (error instanceof NobodyMatches) return fault("unknown_person", error.message);
  if (error instanceof PowerloomError) {
    if (error.code === "forbidden") return fault("suspended", error.message);
    if (error.code === "unavailable") return fault("provider_away", error.message);
  }
  if (isDatabaseAway(error)) return fault("unavailable", "the database cannot be reached or is too slow");
  if (error instanceof AuthorizationResponseError) {
    // Only what the specification names is repeated: the rest is whatever stood in the URL.
    if (error.error === "access_denied") return fault("access_denied", "the provider answered access_denied");
    if (error.error === "server_error" || error.error === "temporarily_unavailable")
      return fault("provider_away", `the provider answered ${error.error}`);
    return fault("provider_refused", "the provider answered with another error than access_denied");
  }
  if (error instanceof ResponseBodyError)
    // The code was used before, has run out, or is not for this verifier.
    return error.error === "invalid_grant"
      ? fault("begin_again", "the provider's token endpoint answered invalid_grant")
      : fault("provider_refused", `the provider's token endpoint answered ${error.status}`);
  if (error instanceof WWWAuthenticateChallengeError)
    return fault("provider_refused", `the provider's token endpoint answered ${error.status}`);
  if (isProviderAway(error)) return fault("provider_away", "the provider cannot be reached, is too slow or broken");
  const inner = error instanceof ClientError && error.cause instanceof Error ? error.cause : error;
  return fault("provider_refused", inner instanceof Error ? inner.message : "unknown");
}

function isProviderAway(error: unknown): boolean {
  if (error instanceof TypeError) return error.message === "fetch failed";
  if (!(error instanceof ClientError)) return false;
  return error.code === "OAUTH_TIMEOUT" || (error.cause instanceof Response && error.cause.status >= 500);
}
