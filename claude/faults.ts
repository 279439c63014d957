import { APIConnectionError, APIError, NotFoundError } from "@anthropic-ai/sdk";

/** A failed provider call, translated once: what to tell people, and whether and when to try again. */
export interface ProviderFault {
  retryable: boolean;
  /** Milliseconds the provider asked us to wait, when it did. */
  retryAfterMs: number | undefined;
  /** The provider's own words, raw: shown as they are. */
  raw: Record<string, unknown>;
}

/** Translates an error of the Anthropic SDK; undefined for anything that is not one. */
export function providerFault(error: unknown): ProviderFault | undefined {
  if (error instanceof APIConnectionError)
    return { retryable: true, retryAfterMs: undefined, raw: { type: "connection_error", message: error.message } };
  // A stream cut in the middle surfaces as fetch's own error, not as the SDK's.
  if (error instanceof TypeError && /terminated|fetch failed/.test(error.message))
    return { retryable: true, retryAfterMs: undefined, raw: { type: "connection_error", message: error.message } };
  if (!(error instanceof APIError)) return undefined;
  const status = typeof error.status === "number" ? error.status : undefined;
  const seconds = Number(error.headers?.get("retry-after"));
  return {
    retryable: status === undefined || status === 408 || status === 409 || status === 429 || status >= 500,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
    raw: {
      status: status ?? null,
      request_id: error.requestID ?? null,
      error: error.error ?? { message: error.message },
    },
  };
}

/** True when the provider says that the thing does not exist. */
export function isGone(error: unknown): boolean {
  return error instanceof NotFoundError;
}
