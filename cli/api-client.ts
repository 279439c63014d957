import type { Problem } from "../core/errors.ts";
import { readRetryAfter } from "./ask-again.ts";
import { CliFailure, exitCodes } from "./failure.ts";

export interface ApiRequest {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  timeoutMs?: number;
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  body: unknown;
}

export interface ApiClient {
  readonly apiUrl: string;
  readonly token: string | undefined;
  /** Asks, and throws a CliFailure for everything that is not a success. */
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** The same for a body to be read as it comes. */
  stream(request: ApiRequest): Promise<Response>;
  get<Body>(path: string, query?: Record<string, unknown>): Promise<Body>;
  post<Body>(path: string, body?: unknown): Promise<Body>;
}

/** Talks to the API over HTTP for whoever the token says. */
export function createApiClient(options: { apiUrl: string; token?: string | undefined }): ApiClient {
  const apiUrl = options.apiUrl.replace(/\/+$/, "");

  async function stream({ method, path, query = {}, body, headers, timeoutMs }: ApiRequest): Promise<Response> {
    const url = new URL(apiUrl + path);
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== undefined) url.searchParams.append(name, String(one));
    }
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers: {
          accept: "application/json, application/problem+json, application/jsonl",
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      });
    } catch (error) {
      throw unreachable(apiUrl, error);
    }
    if (response.ok) return response;
    throw await refusal(response, options.token !== undefined);
  }

  async function send(request: ApiRequest): Promise<ApiAnswer> {
    const response = await stream({ timeoutMs: 30_000, ...request });
    try {
      const text = await response.text();
      const body: unknown = text === "" ? null : JSON.parse(text);
      return { status: response.status, headers: response.headers, body };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw unreachable(apiUrl, error);
      throw new CliFailure(exitCodes.failed, `${apiUrl} does not answer with JSON: is it the Powerloom API?`);
    }
  }

  return {
    apiUrl,
    token: options.token,
    send,
    stream,
    get: async <Body>(path: string, query: Record<string, unknown> = {}) =>
      (await send({ method: "GET", path, query })).body as Body,
    post: async <Body>(path: string, body: unknown = {}) => (await send({ method: "POST", path, body })).body as Body,
  };
}

async function refusal(response: Response, hasToken: boolean): Promise<CliFailure> {
  const text = await response.text().catch(() => "");
  let problem: Partial<Problem>;
  try {
    problem = JSON.parse(text) as Partial<Problem>;
  } catch {
    problem = {};
  }
  if (typeof problem.detail !== "string")
    problem = { title: response.statusText || "Failed", detail: `The API answered ${response.status}.` };
  const hint = hasToken ? "Log in again: `powerloom login`." : "You are not logged in: `powerloom login`.";
  const message = response.status === 401 ? `${problem.detail} ${hint}` : (problem.detail ?? "");
  const retryAfterMs = readRetryAfter(response.headers.get("retry-after"), Date.now());
  return new CliFailure(exitCodes.failed, message, { status: response.status, ...problem }, { retryAfterMs });
}

function unreachable(apiUrl: string, error: unknown): CliFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  const timedOut = error instanceof Error && error.name === "TimeoutError";
  const why = timedOut ? "no answer in time" : (code ?? (cause instanceof Error ? cause.message : String(cause)));
  return new CliFailure(
    exitCodes.unreachable,
    `Cannot reach the API at ${apiUrl} (${why}). \`powerloom up\` starts one here; --api names another.`,
    {},
    { cause: error },
  );
}
