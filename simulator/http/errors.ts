import type { ErrorRequestHandler, Response } from "express";
import { z } from "zod";

const errorTypes = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  529: "overloaded_error",
} as const;

export type ErrorStatus = keyof typeof errorTypes;

/** A refusal the client is to see. `code` becomes `details.error_code`, which selects the SDK's typed error. */
export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly code: string | undefined;
  constructor(status: ErrorStatus, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const invalid = (message: string, code?: string): ApiError => new ApiError(400, message, code);
export const notFound = (message: string, code?: string): ApiError => new ApiError(404, message, code);
export const conflict = (message: string): ApiError => new ApiError(409, message);

/** Writes the provider's error envelope. */
export function sendError(res: Response, error: ApiError): void {
  // Nothing here changes by asking again, so the SDK's two retries of a 409 would only cost time.
  if (error.status === 409) res.setHeader("x-should-retry", "false");
  res.status(error.status).json({
    type: "error",
    error: {
      type: errorTypes[error.status],
      message: error.message,
      ...(error.code === undefined ? {} : { details: { error_code: error.code } }),
    },
    request_id: res.locals["requestId"],
  });
}

/** Express error handler: our refusals, zod issues, body-parser faults, and a 500 for the rest. */
export function errorHandler(log: (line: Record<string, unknown>) => void): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) return next(error);
    const known = asApiError(error);
    if (known === undefined) {
      log({ level: "error", msg: "request failed", error: error instanceof Error ? error.stack : String(error) });
    }
    return sendError(res, known ?? new ApiError(500, "Internal server error"));
  };
}

function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof z.ZodError) {
    const issue = error.issues[0];
    return invalid(issue === undefined ? "Invalid request" : `${issue.path.join(".") || "body"}: ${issue.message}`);
  }
  const type = typeof error === "object" && error !== null && "type" in error ? error.type : undefined;
  if (type === "entity.parse.failed") return invalid("The request body is not valid JSON.");
  if (type === "entity.too.large") return new ApiError(413, "Request exceeds the maximum size");
  return undefined;
}
