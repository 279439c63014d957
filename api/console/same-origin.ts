import type { Request } from "express";
import type { Config } from "../../config.ts";
import { PowerloomError } from "../../core/errors.ts";

/** Sent by the console with every request that changes something: another site's page cannot send it unasked. */
export const consoleHeader = "Powerloom-Console";

/** Names one computer has for itself. In dev mode a page may have been opened under any of them. */
const ownNames = ["localhost", "127.0.0.1", "[::1]"];

/** Whether pages of this origin are ours. `null` (sandboxed frames, files) is nobody's. */
function isOwnOrigin(config: Pick<Config, "apiUrl" | "mode">, origin: string): boolean {
  const own = new URL(config.apiUrl);
  if (origin === own.origin) return true;
  if (config.mode !== "dev" || !URL.canParse(origin)) return false;
  const given = new URL(origin);
  return (
    given.origin === origin &&
    given.protocol === own.protocol &&
    given.port === own.port &&
    ownNames.includes(given.hostname)
  );
}

/** Why a request cannot have come from a page of ours, or undefined when it can: no origin is named, or ours. */
export function foreignOrigin(config: Pick<Config, "apiUrl" | "mode">, req: Request): string | undefined {
  const origin = req.get("origin");
  if (origin !== undefined && !isOwnOrigin(config, origin)) return "it comes from a page of another origin";
  if (req.get("sec-fetch-site") === "cross-site") return "it comes from another site";
  return undefined;
}

/** Why a request that a cookie speaks for (or that will set one) is refused, or undefined. */
export function crossSite(config: Pick<Config, "apiUrl" | "mode">, req: Request): string | undefined {
  const foreign = foreignOrigin(config, req);
  if (foreign !== undefined) return foreign;
  if (req.method === "GET" || req.method === "HEAD") return undefined;
  if (req.get("origin") === undefined) return "it names no origin";
  if (req.get(consoleHeader) !== "1") return `it has no header \`${consoleHeader}: 1\``;
  return undefined;
}

export function refusedOrigin(reason: string): PowerloomError {
  return new PowerloomError(
    "forbidden",
    `The request was refused: ${reason}. Browsers are answered on the API's own pages only; other clients send a token.`,
    { rule: "own-origin" },
  );
}
