import { AnthropicError, APIConnectionError, APIError, APIUserAbortError } from "@anthropic-ai/sdk";

/**
 * What a failed call of the Messages API means. Definite: it was answered with an error before any content, or never sent,
 * so nothing is charged and it may be repeated. Unknown: it was sent, and whether it was carried out nobody can tell.
 */
export type MessageFault =
  | { kind: "definite"; retryable: boolean; retryAfterMs?: number; status?: number; code?: string; message: string }
  /** `began`: something of an answer came. */
  | { kind: "unknown"; began: boolean; message: string }
  | { kind: "aborted" };

/** An answer that began and did not end well: what its cause says of the provider is no longer definite. */
export class BrokenAnswer extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Errors of the network that happen before a byte of the request is sent. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Statuses without which the same request may succeed later. */
const passing = (status: number): boolean => status === 408 || status === 409 || status === 429 || status >= 500;

/** Classifies what `createMessage` and `countTokens` throw; undefined for errors that are not of the call. */
export function messageFault(error: unknown): MessageFault | undefined {
  if (error instanceof BrokenAnswer) {
    const { cause } = error;
    return cause instanceof APIUserAbortError
      ? { kind: "aborted" }
      : { kind: "unknown", began: true, message: `the answer broke off: ${error.message}` };
  }
  if (error instanceof APIUserAbortError) return { kind: "aborted" };
  if (error instanceof APIConnectionError) {
    const code = networkCode(error);
    return code !== undefined && neverSent.has(code)
      ? { kind: "definite", retryable: true, code, message: `the provider cannot be reached (${code})` }
      : { kind: "unknown", began: false, message: `no answer: ${error.message}` };
  }
  if (error instanceof APIError) return answered(error);
  // What the SDK refuses by itself, such as a missing key, it has not sent.
  if (error instanceof AnthropicError) return { kind: "definite", retryable: false, message: error.message };
  return undefined;
}

function answered(error: InstanceType<typeof APIError>): MessageFault {
  const status = typeof error.status === "number" ? error.status : statusOfType(error.type);
  const retryAfterMs = retryAfter(error.headers);
  return {
    kind: "definite",
    retryable: status === undefined || passing(status),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
    message: wordsOf(error),
  };
}

// An error event that comes before the message has a type and no status (reference: stream errors after 200).
function statusOfType(type: string | null | undefined): number | undefined {
  const statuses: Record<string, number> = {
    invalid_request_error: 400,
    authentication_error: 401,
    billing_error: 402,
    permission_error: 403,
    not_found_error: 404,
    request_too_large: 413,
    rate_limit_error: 429,
    api_error: 500,
    timeout_error: 504,
    overloaded_error: 529,
  };
  return statuses[type ?? ""];
}

// `retry-after` is seconds or a date; `retry-after-ms` is finer and comes first.
function retryAfter(headers: Headers | undefined): number | undefined {
  const ms = Number(headers?.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return Math.ceil(ms);
  const given = headers?.get("retry-after");
  if (given == null) return undefined;
  const seconds = Number(given);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const until = Date.parse(given);
  return Number.isNaN(until) ? undefined : Math.max(0, until - Date.now());
}

function wordsOf(error: InstanceType<typeof APIError>): string {
  const request = error.requestID == null ? "" : ` (request ${error.requestID})`;
  return `${error.apiMessage ?? error.message}${request}`;
}

/**
 * `fetch` for the SDK, which takes a connection that was not made in time for an answer that did not come in time and drops
 * the cause: what was never sent is told apart here.
 */
export const fetchTellingUnsent: typeof fetch = async (...request) => {
  try {
    return await fetch(...request);
  } catch (error) {
    throw connectionTimedOut(error) ? unsent(error) : error;
  }
};

/** Whether a failed `fetch` ended while it was connecting: by its own limit, or by the system's. */
function connectionTimedOut(error: unknown): boolean {
  for (let current = error, depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    const { code, syscall } = current as NodeJS.ErrnoException;
    if (code === "UND_ERR_CONNECT_TIMEOUT" || (code === "ETIMEDOUT" && syscall === "connect")) return true;
    current = current instanceof AggregateError ? current.errors[0] : current.cause;
  }
  return false;
}

// Its words must not look like those of a timeout: the SDK goes by them.
function unsent(cause: unknown): TypeError {
  const code = "UND_ERR_CONNECT_TIMEOUT";
  return new TypeError("the connection was not made", {
    cause: Object.assign(new Error("no connection", { cause }), { code }),
  });
}

function networkCode(error: unknown): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if ("code" in current && typeof current.code === "string") return current.code;
    if (current instanceof AggregateError) current = current.errors[0];
    else current = current.cause;
  }
  return undefined;
}
