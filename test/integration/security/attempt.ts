import { sharedStack } from "../../support/organisation.ts";
import type { Cell } from "./golden.ts";
import { governed, type Request, type Trial } from "./trials.ts";
import type { Actor, Target } from "./world.ts";

export interface Answer {
  status: number;
  text: string;
}

/** Sends a request; of a stream only the beginning is awaited. */
export async function send(
  token: string,
  { method, path, body }: Request,
  headers: Record<string, string> = {},
  apiUrl = sharedStack().apiUrl,
): Promise<Answer> {
  const stop = new AbortController();
  const response = await fetch(apiUrl + path, {
    method,
    signal: stop.signal,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
    stop.abort();
    return { status: response.status, text: "" };
  }
  return { status: response.status, text: await response.text() };
}

/** The request of a trial; of what can be asked for as a dry run, that. */
export function dryRequest(trial: Trial, target: Target, actor: Pick<Actor, "email">): Request {
  const request = trial.request(target, actor);
  return governed.has(trial.operation) ? { ...request, path: `${request.path}?dryRun=true` } : request;
}

/** What a status, and for lists the text, says of whether it was allowed. */
export function cellOf({ beyond = [], shows }: Pick<Trial, "beyond" | "shows">, answer: Answer, target: Target): Cell {
  const { status, text } = answer;
  if (beyond.includes(status)) return "ok";
  if (status < 200 || status > 299) return String(status);
  return shows === undefined || text.includes(shows(target)) ? "ok" : "nil";
}
