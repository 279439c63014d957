import { setTimeout as sleep } from "node:timers/promises";

/** A caller of the API as one person: what the demo and the dev seed do goes through the front door. */
export interface Person {
  email: string;
  get<Result>(path: string): Promise<Result>;
  send(
    method: "POST" | "PATCH" | "DELETE",
    path: string,
    body?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Sends, and throws unless the answer is a success. */
  make<Result = Record<string, unknown>>(path: string, body: Record<string, unknown>): Promise<Result>;
  token: string;
}

/** Signs in through dev login. Works only against an API in dev mode. */
export async function signIn(apiUrl: string, email: string): Promise<Person> {
  const answer = await fetch(`${apiUrl}/dev/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
  if (!answer.ok) throw new Error(`dev login of ${email} answered ${answer.status}: ${await answer.text()}`);
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return personWith(apiUrl, email, token);
}

/** A person with a token of theirs. */
export function personWith(apiUrl: string, email: string, token: string): Person {
  const call = async (
    method: string,
    path: string,
    body?: Record<string, unknown>,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  };
  /** Of a request that a busy machine has not decided within the time of an answer. */
  const outcomeOf = async (id: string): Promise<unknown> => {
    for (let attempt = 0; ; attempt += 1) {
      const { body } = await call("GET", `/requests/${id}`);
      if (body["status"] === "applied") return body["result"];
      if (body["status"] !== "received" || attempt === 60)
        throw new Error(`request ${id} is ${String(body["status"])}: ${JSON.stringify(body)}`);
      await sleep(500);
    }
  };
  return {
    email,
    token,
    async get<Result>(path: string) {
      const { status, body } = await call("GET", path);
      if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
      return body as Result;
    },
    send: (method, path, body, headers) => call(method, path, body, headers),
    async make<Result>(path: string, body: Record<string, unknown>) {
      const answer = await call("POST", path, body);
      if (answer.status === 202 && answer.body["status"] === "received")
        return (await outcomeOf(String(answer.body["id"]))) as Result;
      if (answer.status >= 300 || answer.status === 202)
        throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      return answer.body as Result;
    },
  };
}
