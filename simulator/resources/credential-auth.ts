import { z } from "zod";
import { invalid } from "../http/errors.ts";
import type { Credential } from "../store/wire.ts";

const url = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text), "must be a URL");
const endpointAuth = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("none") }),
  z.strictObject({ type: z.literal("client_secret_basic"), client_secret: z.string().min(1) }),
  z.strictObject({ type: z.literal("client_secret_post"), client_secret: z.string().min(1) }),
]);
const networking = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("unrestricted") }),
  z.strictObject({ type: z.literal("limited"), allowed_hosts: z.array(z.string()).min(1).max(16) }),
]);
const location = z.strictObject({ header: z.boolean().optional(), body: z.boolean().optional() });

export const authCreate = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("static_bearer"), mcp_server_url: url, token: z.string().min(1) }),
  z.strictObject({
    type: z.literal("mcp_oauth"),
    mcp_server_url: url,
    access_token: z.string().min(1),
    expires_at: z.iso.datetime({ offset: true }).nullish(),
    refresh: z
      .strictObject({
        client_id: z.string().min(1),
        refresh_token: z.string().min(1),
        token_endpoint: url,
        token_endpoint_auth: endpointAuth,
        resource: z.string().nullish(),
        scope: z.string().nullish(),
      })
      .nullish(),
  }),
  z.strictObject({
    type: z.literal("environment_variable"),
    secret_name: z.string().min(1),
    secret_value: z.string().min(1),
    networking,
    injection_location: location.optional(),
  }),
]);

export const authUpdate = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("static_bearer"), token: z.string().min(1).nullish() }),
  z.strictObject({
    type: z.literal("mcp_oauth"),
    access_token: z.string().min(1).nullish(),
    expires_at: z.iso.datetime({ offset: true }).nullish(),
    refresh: z
      .strictObject({
        refresh_token: z.string().min(1).nullish(),
        scope: z.string().nullish(),
        token_endpoint_auth: z
          .strictObject({
            type: z.enum(["client_secret_basic", "client_secret_post"]),
            client_secret: z.string().min(1).nullish(),
          })
          .optional(),
      })
      .nullish(),
  }),
  z.strictObject({
    type: z.literal("environment_variable"),
    secret_value: z.string().min(1).nullish(),
    networking: networking.nullish(),
    injection_location: location.optional(),
  }),
]);

export interface SplitAuth {
  /** What responses show. */
  shown: Credential["auth"];
  /** What stays write-only. */
  secret: Record<string, string>;
}

/** Separates what may be shown from what must never leave. */
export function splitAuth(auth: z.output<typeof authCreate>): SplitAuth {
  switch (auth.type) {
    case "static_bearer":
      return {
        shown: { type: "static_bearer", mcp_server_url: auth.mcp_server_url },
        secret: { bearer: auth.token },
      };
    case "mcp_oauth": {
      const { refresh } = auth;
      const secret: Record<string, string> = { bearer: auth.access_token };
      if (refresh != null) {
        secret["refresh_token"] = refresh.refresh_token;
        if (refresh.token_endpoint_auth.type !== "none") {
          secret["client_secret"] = refresh.token_endpoint_auth.client_secret;
        }
      }
      return {
        shown: {
          type: "mcp_oauth",
          mcp_server_url: auth.mcp_server_url,
          expires_at: auth.expires_at ?? null,
          refresh:
            refresh == null
              ? null
              : {
                  client_id: refresh.client_id,
                  token_endpoint: refresh.token_endpoint,
                  token_endpoint_auth: { type: refresh.token_endpoint_auth.type },
                  resource: refresh.resource ?? null,
                  scope: refresh.scope ?? null,
                },
        },
        secret,
      };
    }
    case "environment_variable":
      return {
        shown: {
          type: "environment_variable",
          secret_name: auth.secret_name,
          networking: auth.networking,
          injection_location: {
            header: auth.injection_location?.header ?? true,
            body: auth.injection_location?.body ?? false,
          },
        },
        secret: { value: auth.secret_value },
      };
  }
}

/** Applies a rotation. What identifies the credential cannot change. */
export function rotateAuth(current: SplitAuth, update: z.output<typeof authUpdate>): SplitAuth {
  const { shown } = current;
  if (shown.type !== update.type) throw invalid(`auth.type: is ${shown.type} and cannot be changed`);
  const secret = { ...current.secret };
  const set = (name: string, value: string | null | undefined) => {
    if (value != null) secret[name] = value;
  };
  if (update.type === "static_bearer") {
    set("bearer", update.token);
    return { shown, secret };
  }
  if (update.type === "environment_variable" && shown.type === "environment_variable") {
    set("value", update.secret_value);
    const injection_location = { ...shown.injection_location, ...defined(update.injection_location ?? {}) };
    return { shown: { ...shown, networking: update.networking ?? shown.networking, injection_location }, secret };
  }
  if (update.type === "mcp_oauth" && shown.type === "mcp_oauth") {
    set("bearer", update.access_token);
    set("refresh_token", update.refresh?.refresh_token);
    set("client_secret", update.refresh?.token_endpoint_auth?.client_secret);
    const expires_at = update.expires_at === undefined ? (shown.expires_at ?? null) : update.expires_at;
    const refresh =
      shown.refresh == null || update.refresh?.scope === undefined
        ? (shown.refresh ?? null)
        : { ...shown.refresh, scope: update.refresh.scope };
    return { shown: { ...shown, expires_at, refresh }, secret };
  }
  return current;
}

/** What makes a credential unique in its vault: the normalised URL, or the variable's name. */
export function credentialKey(auth: Credential["auth"]): string {
  return auth.type === "environment_variable" ? `name:${auth.secret_name}` : `url:${normaliseUrl(auth.mcp_server_url)}`;
}

/** Scheme and host in lower case, default port and trailing slash removed; path, query and subdomain count. */
export function normaliseUrl(text: string): string {
  if (!URL.canParse(text)) return text;
  const { protocol, host, pathname, search } = new URL(text);
  return `${protocol}//${host}${pathname.replace(/\/+$/, "")}${search}`;
}

function defined(location: { header?: boolean | undefined; body?: boolean | undefined }) {
  return {
    ...(location.header === undefined ? {} : { header: location.header }),
    ...(location.body === undefined ? {} : { body: location.body }),
  };
}
