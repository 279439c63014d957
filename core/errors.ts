/**
 * Every way a request can fail, in one table: HTTP status, title, and whether the same request may succeed later.
 * The message of a PowerloomError is public; its `cause` is not.
 */
const errorTable = {
  bad_request: { status: 400, title: "Bad request", retryable: false },
  unauthenticated: { status: 401, title: "Not authenticated", retryable: false },
  forbidden: { status: 403, title: "Insufficient permissions", retryable: false },
  not_found: { status: 404, title: "Not found", retryable: false },
  not_acceptable: { status: 406, title: "Not acceptable", retryable: false },
  conflict: { status: 409, title: "Conflict", retryable: false },
  gone: { status: 410, title: "Gone", retryable: false },
  precondition_failed: { status: 412, title: "Precondition failed", retryable: false },
  payload_too_large: { status: 413, title: "Payload too large", retryable: false },
  unsupported_media_type: { status: 415, title: "Unsupported media type", retryable: false },
  invalid_input: { status: 422, title: "Invalid input", retryable: false },
  idempotency_mismatch: { status: 422, title: "Idempotency-Key reused with another body", retryable: false },
  not_synced: { status: 409, title: "Agent not pushed to the provider yet", retryable: true },
  session_ended: { status: 409, title: "Session has ended", retryable: false },
  run_over: { status: 409, title: "Run is over", retryable: false },
  approval_stale: { status: 409, title: "The approved change no longer holds", retryable: false },
  too_many_requests: { status: 429, title: "Too many requests", retryable: true },
  internal: { status: 500, title: "Internal error", retryable: true },
  unavailable: { status: 503, title: "Temporarily unavailable", retryable: true },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ErrorCode = keyof typeof errorTable;

/** RFC 9457 problem document, with `code` and free extension members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  retryable: boolean;
  [extension: string]: unknown;
}

export class PowerloomError extends Error {
  readonly code: ErrorCode;
  readonly extensions: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, extensions: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "PowerloomError";
    this.code = code;
    this.extensions = extensions;
  }
}

/** The problem document (RFC 9457) that says this error to a client. */
export function toProblem(error: PowerloomError): Problem {
  const { status, title, retryable } = errorTable[error.code];
  return {
    type: `https://powerloom.dev/problems/${error.code.replaceAll("_", "-")}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    retryable,
    ...error.extensions,
  };
}
