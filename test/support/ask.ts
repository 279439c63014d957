import { type Answer, send } from "../../attack/send.ts";
import { sharedStack } from "./organisation.ts";

/** One request to the API with any token, whatever comes of it. */
export function ask(
  token: string,
  method: string,
  path: string,
  body?: Record<string, unknown>,
  apiUrl = sharedStack().apiUrl,
): Promise<Answer> {
  return send(apiUrl, token, method, path, body);
}

/** One form sent to an OAuth endpoint, as a client with a secret or as nobody in particular. */
async function postForm(
  path: string,
  form: Record<string, string>,
  client?: { id: string; secret: string },
): Promise<Answer> {
  const response = await fetch(sharedStack().apiUrl + path, {
    method: "POST",
    headers:
      client === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}` },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const grant_type = "urn:ietf:params:oauth:grant-type:token-exchange";

/** Exchanges a session's bearer for a token good for one operation, as one of our MCP servers does. */
export function exchangeBearer(
  bearer: string,
  scope: string,
  secret = sharedStack().mcpClientSecret,
  id = "powerloom_meta",
): Promise<Answer> {
  const subject_token_type = "urn:powerloom:token-type:session-bearer";
  const form = { grant_type, subject_token: bearer, subject_token_type, scope };
  return postForm("/oauth/token", form, { id, secret });
}

/** Exchanges the capability of a run's tool call for a token good for one operation, as the worker does. */
export function exchangeCapability(capability: string, scope: string): Promise<Answer> {
  const subject_token_type = "urn:powerloom:token-type:run-capability";
  return postForm("/oauth/token", { grant_type, subject_token: capability, subject_token_type, scope });
}

/** Exchanges a person's token for one that names their client. */
export function exchangeUserToken(token: string, scope: string, actor_client: string): Promise<Answer> {
  const subject_token_type = "urn:ietf:params:oauth:token-type:access_token";
  return postForm("/oauth/token", { grant_type, subject_token: token, subject_token_type, scope, actor_client });
}
