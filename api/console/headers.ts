import type { Config } from "../../config.ts";

/**
 * What the console's pages may load: their own scripts, styles with this answer's nonce, and connections to this API. Under
 * `localhost` too, streams are at the API's own address.
 */
export function consolePolicy({ apiUrl }: Pick<Config, "apiUrl">, nonce?: string): string {
  const streams = new URL(apiUrl).origin.replace(/^http/, "ws");
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${nonce === undefined ? "" : ` 'nonce-${nonce}'`}`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${streams}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** What no page of ours has a use for. */
export const permissionsPolicy = "camera=(), microphone=(), geolocation=()";
