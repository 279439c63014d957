import { setTimeout as sleep } from "node:timers/promises";
import { PowerloomError, toProblem } from "../core/errors.ts";

/** What the API answered, untouched. */
export interface ApiAnswer {
  status: number;
  text: string;
}

/** The API said no, or could not be asked. `text` is what to show: the API's own words whenever there are any. */
export class ApiFailure extends Error {
  readonly text: string;
  /** Undefined when there was no answer at all. */
  readonly status: number | undefined;

  constructor(text: string, status: number | undefined, options?: ErrorOptions) {
    super(status === undefined ? "The API gave no answer" : `The API answered ${status}`, options);
    this.name = "ApiFailure";
    this.text = text;
    this.status = status;
  }
}

/** One request to the API. `form` and `json` are alternatives. */
interface ApiRequest {
  method: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
  json?: unknown;
  timeoutMs: number;
}

/** Sends requests to the API. */
export type SendToApi = (request: ApiRequest) => Promise<ApiAnswer>;

/** Waits before the next tries: an API that is restarted is back within two or three seconds. */
const retryAfterMs = [150, 350, 750, 1_250, 2_000];

/**
 * A sender for the API at `apiUrl`. A connection that breaks is tried again for some seconds, because everything sent here
 * may be repeated: reads, introspections, exchanges, and mutations, which carry an idempotency key. A time-out is not
 * repeated: the API answers a slow mutation with 202 long before it.
 */
export function apiAt(apiUrl: string): SendToApi {
  const base = apiUrl.replace(/\/+$/, "");

  const attempt = async ({ method, path, headers, form, json, timeoutMs }: ApiRequest): Promise<ApiAnswer> => {
    const body =
      form === undefined ? (json === undefined ? undefined : JSON.stringify(json)) : new URLSearchParams(form);
    const response = await fetch(base + path, {
      method,
      headers: {
        accept: "application/json, application/problem+json",
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      // Following a redirect would carry credentials to wherever it points.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await response.text() };
  };

  return async (request) => {
    for (const pause of retryAfterMs) {
      try {
        return await attempt(request);
      } catch (error) {
        if (isTimeout(error)) throw noAnswer(error);
      }
      await sleep(pause);
    }
    return await attempt(request).catch((error: unknown) => {
      throw noAnswer(error);
    });
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function noAnswer(cause: unknown): ApiFailure {
  const problem = toProblem(
    new PowerloomError(
      "unavailable",
      isTimeout(cause) ? "The Powerloom API did not answer in time." : "The Powerloom API cannot be reached.",
    ),
  );
  return new ApiFailure(JSON.stringify(problem), undefined, { cause });
}

/** The failure that an answer of the API stands for: its body exactly as received, or a problem document when empty. */
export function failureOf({ status, text }: ApiAnswer): ApiFailure {
  if (text.trim() !== "") return new ApiFailure(text, status);
  const problem = toProblem(new PowerloomError("internal", `The Powerloom API answered ${status} without a body.`));
  return new ApiFailure(JSON.stringify({ ...problem, status }), status);
}

/** The JSON of an answer; throws the failure it is when it has none. */
export function jsonOf(answer: ApiAnswer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch {
    throw failureOf(answer);
  }
}
