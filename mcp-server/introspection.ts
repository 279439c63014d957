import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { SendToApi } from "./api-requests.ts";
import { type ApiClient, basicAuthentication } from "./client-authentication.ts";

/** For whom a verified session bearer speaks. */
export interface SessionBearer {
  token: string;
  /** The session. */
  sid: string;
  /** The person the session acts for. */
  sub: string;
  clientId: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

/** The API could not say whether a token holds: no verdict, so neither 200 nor 401. */
export class NoVerdict extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NoVerdict";
  }
}

/** A refusal that the API knows of, because it was asked. */
export class JudgedByApi extends OAuthError {}

const introspected = z.discriminatedUnion("active", [
  z.object({ active: z.literal(false) }),
  z.object({
    active: z.literal(true),
    sub: z.string().min(1),
    sid: z.string().min(1),
    aud: z.union([z.string(), z.array(z.string())]),
    exp: z.number(),
    client_id: z.string().optional(),
  }),
]);

const sessionBearer = /^pls_[A-Za-z0-9_-]{1,200}$/;
const jwt = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

const refuse = (message: string) => new OAuthError(OAuthErrorCode.InvalidToken, message);
const judged = (message: string) => new JudgedByApi(OAuthErrorCode.InvalidToken, message);

/**
 * Tells the API that a token was refused which it was not asked about, and why, but not the token: for its record of what
 * came without a valid one. Trouble is ignored: the refusal stands, and this server has logged it.
 */
export function reportingTo(send: SendToApi, client: ApiClient): (reason: string) => Promise<void> {
  const headers = basicAuthentication(client);
  return async (reason) => {
    const form = { token: "", refused: reason };
    await send({ method: "POST", path: "/oauth/introspect", headers, form, timeoutMs: 5_000 }).catch(() => undefined);
  };
}

/**
 * Asks the API about a bearer (RFC 7662), on every request: an ended session or a suspended person shows at the very
 * next call. Throws an `OAuthError` for a token that does not hold, `NoVerdict` when the API cannot tell.
 */
export function introspectionAt(send: SendToApi, options: { audience: string; client: ApiClient; now: () => number }) {
  const authentication = basicAuthentication(options.client);

  return async (token: string): Promise<SessionBearer> => {
    // A token for the API must not work here (RFC 8707), whatever it says: it is not even asked about.
    if (jwt.test(token)) throw refuse("This is a token for the API; this server takes session-bound bearers only");
    if (!sessionBearer.test(token)) throw refuse("Not a session-bound bearer");

    const answer = await send({
      method: "POST",
      path: "/oauth/introspect",
      headers: authentication,
      form: { token },
      timeoutMs: 5_000,
    }).catch((cause: unknown) => {
      throw new NoVerdict("The API could not be asked about the token", { cause });
    });
    if (answer.status !== 200) throw new NoVerdict(`The API answered ${answer.status} when asked about the token`);

    const parsed = introspected.safeParse(parseJson(answer.text));
    if (!parsed.success)
      throw new NoVerdict("The API's answer about the token could not be read", { cause: parsed.error });
    const verdict = parsed.data;
    if (!verdict.active) throw judged("The token is unknown, revoked, expired, or its session has ended");
    if (![verdict.aud].flat().includes(options.audience)) throw refuse("The token is for another server");
    if (verdict.exp <= options.now() / 1000) throw refuse("The token has expired");
    return {
      token,
      sid: verdict.sid,
      sub: verdict.sub,
      clientId: verdict.client_id ?? "unknown",
      expiresAt: verdict.exp,
    };
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
