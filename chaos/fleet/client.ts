import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "../../demo/run/dice.ts";
import type { EndOutcome } from "../checker/record.ts";
import type { ClientLog } from "../client-log.ts";

/** One thing asked of the control plane. */
export interface Asked {
  operation: string;
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body?: Record<string, unknown>;
  ou: string;
  /** Fields of the effect that no other effect has. */
  marks: Record<string, unknown>;
}

export interface Known {
  outcome: EndOutcome;
  /** HTTP status of the last answer; 0 when there was none. */
  status: number;
  body: Record<string, unknown>;
  requestId: string | undefined;
}

/** One person with a client that behaves as a good one does. */
export interface Client {
  email: string;
  /** Asks under one idempotency key until it is known what came of it: what is cut off is asked again. */
  ask(asked: Asked): Promise<Known>;
  /** For whoever asks by other means. */
  token(): Promise<string>;
  /** A read, asked again until it is answered. Undefined when it was refused, or when time was up. */
  get<Result>(path: string): Promise<Result | undefined>;
}

interface ClientOptions {
  apiUrl: string;
  email: string;
  log: ClientLog;
  dice: Dice;
  /** Of a hundred requests, how many are delivered twice. */
  twice: number;
  /** Told of the end of each thing asked. */
  onEnd: (asked: Asked, known: Known) => void;
  /** Told of what must stand nowhere in the clear: tokens, and what is revealed once. */
  onSecret: (name: string, value: unknown) => void;
}

let opened = 0;

const answerWithinMs = 12_000;
const giveUpAfterMs = 150_000;

export function openClient({ apiUrl, email, log, dice, twice, onEnd, onSecret }: ClientOptions): Client {
  let token: string | undefined;
  let asked = 0;
  // One person may have several clients.
  opened += 1;
  const prefix = `${email.split("@")[0]}-${opened}`;

  const request = async (method: string, path: string, key?: string, body?: Record<string, unknown>) => {
    if (token === undefined) {
      token = await signIn(apiUrl, email);
      onSecret("a person's token", token);
    }
    const response = await fetch(apiUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(key === undefined ? {} : { "idempotency-key": key }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    const text = await response.text();
    // A token ends, and a clock that was set back makes it one of the future.
    if (response.status === 401) token = undefined;
    return {
      status: response.status,
      body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
      requestId: response.headers.get("powerloom-request-id") ?? undefined,
    };
  };

  /** One delivery, or two of the same at once; the log has both. */
  const deliver = async (key: string, { method, path, body }: Asked, doubled: boolean) => {
    const once = async () => {
      try {
        const answer = await request(method, path, key, body);
        const { status, requestId } = answer;
        for (const name of ["secret", "introspection_secret"]) onSecret(`a ${name}`, answer.body[name]);
        log.write({
          kind: "answer",
          key,
          status,
          ...(requestId === undefined ? {} : { requestId }),
          // What is revealed once to whoever asked is not the log's to keep.
          ...(status >= 300 ? { body: answer.body } : {}),
        });
        return answer;
      } catch (error) {
        log.write({
          kind: "cut",
          key,
          why: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        });
        return undefined;
      }
    };
    const answers = (await Promise.all([once(), doubled ? once() : undefined])).filter((one) => one !== undefined);
    // A refusal frees its key, so two deliveries may differ: what one of them has done is done.
    return answers.find(({ status }) => status < 300) ?? answers.find(({ status }) => !isPassing(status)) ?? answers[0];
  };

  const get = async <Result>(path: string, deadline = Date.now() + 60_000): Promise<Result | undefined> => {
    for (; Date.now() < deadline; await sleep(dice.between(150, 500))) {
      const answer = await request("GET", path).catch(() => undefined);
      if (answer === undefined || isPassing(answer.status)) continue;
      return answer.status === 200 ? (answer.body as Result) : undefined;
    }
    return undefined;
  };

  /** Follows a request to its end. */
  const follow = async (requestId: string, deadline: number): Promise<Known | undefined> => {
    for (; Date.now() < deadline; await sleep(dice.between(250, 700))) {
      const view = await get<{ status: string; result: Record<string, unknown> | null }>(
        `/requests/${requestId}`,
        deadline,
      );
      if (view === undefined || view.status === "received" || view.status === "pending_approval") continue;
      return { outcome: view.status as EndOutcome, status: 200, body: view.result ?? {}, requestId };
    }
    return undefined;
  };

  const untilKnown = async (key: string, what: Asked): Promise<Known> => {
    const deadline = Date.now() + giveUpAfterMs;
    for (let attempt = 0; Date.now() < deadline; attempt += 1) {
      if (attempt > 0) await sleep(dice.between(150, 300) * Math.min(attempt, 4));
      const answer = await deliver(key, what, attempt === 0 && dice.between(1, 100) <= twice);
      if (answer === undefined || isPassing(answer.status)) continue;
      const { status, body, requestId } = answer;
      if (status === 202 && requestId !== undefined) {
        const end = await follow(requestId, deadline);
        if (end !== undefined) return end;
        continue;
      }
      return { outcome: status < 300 ? "applied" : "refused", status, body, requestId };
    }
    return { outcome: "unknown", status: 0, body: {}, requestId: undefined };
  };

  return {
    email,
    get: (path) => get(path),
    token: async () => {
      token ??= await signIn(apiUrl, email);
      return token;
    },
    async ask(what) {
      asked += 1;
      const key = `${prefix}-${asked}`;
      log.write({ kind: "intent", key, email, operation: what.operation, ou: what.ou, marks: what.marks });
      const known = await untilKnown(key, what);
      const target = known.body["id"] ?? known.body["session_id"];
      log.write({
        kind: "end",
        key,
        outcome: known.outcome,
        ...(typeof target === "string" ? { target } : {}),
      });
      onEnd(what, known);
      return known;
    },
  };
}

/** Worth asking again as it is. */
function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 401;
}

async function signIn(apiUrl: string, email: string): Promise<string> {
  const answer = await fetch(`${apiUrl}/dev/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email }),
    signal: AbortSignal.timeout(answerWithinMs),
  });
  if (!answer.ok) throw new Error(`dev login answered ${answer.status}`);
  return ((await answer.json()) as { access_token: string }).access_token;
}
