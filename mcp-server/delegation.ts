import { z } from "zod";
import { type ApiAnswer, failureOf, jsonOf, type SendToApi } from "./api-requests.ts";
import { type ApiClient, basicAuthentication } from "./client-authentication.ts";

/** Requests to the API with a token that is good for one operation, for five minutes. */
export interface OperationClient {
  get(path: string, query?: Record<string, string | number | undefined>): Promise<ApiAnswer>;
  post(path: string, body: unknown, headers: Record<string, string>): Promise<ApiAnswer>;
}

/** Gets a token for one named operation (RFC 8693), anew each time: nothing is kept between tool calls. */
export type Delegate = (operation: string) => Promise<OperationClient>;

const grant = { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange" };
const issued = z.object({ access_token: z.string().min(1) });

/** Delegation by a session: this server authenticates itself and presents the session's bearer. */
export function delegateOfSession(send: SendToApi, client: ApiClient, bearer: string): Delegate {
  const authentication = basicAuthentication(client);
  return (operation) =>
    exchange(send, operation, authentication, {
      subject_token: bearer,
      subject_token_type: "urn:powerloom:token-type:session-bearer",
    });
}

/** Delegation by a person's own client: their token is exchanged for a narrower one that names the client. */
export function delegateOfPerson(send: SendToApi, clientName: string, token: () => Promise<string>): Delegate {
  return async (operation) =>
    exchange(
      send,
      operation,
      {},
      {
        subject_token: await token(),
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        actor_client: clientName,
      },
    );
}

async function exchange(
  send: SendToApi,
  operation: string,
  headers: Record<string, string>,
  subject: Record<string, string>,
): Promise<OperationClient> {
  const answer = await send({
    method: "POST",
    path: "/oauth/token",
    headers,
    form: { ...grant, ...subject, scope: operation },
    timeoutMs: 5_000,
  });
  if (answer.status !== 200) throw failureOf(answer);
  const { access_token } = issued.parse(jsonOf(answer));
  const authorization = `Bearer ${access_token}`;
  // The API itself waits five seconds for an outcome before it answers 202.
  const timeoutMs = 15_000;

  return {
    get: (path, query = {}) =>
      send({ method: "GET", path: path + search(query), headers: { authorization }, timeoutMs }),
    post: (path, json, more) => send({ method: "POST", path, headers: { ...more, authorization }, json, timeoutMs }),
  };
}

function search(query: Record<string, string | number | undefined>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
}
