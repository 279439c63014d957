import { randomBytes } from "node:crypto";

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export type IdPrefix =
  | "agent"
  | "env"
  | "sesn"
  | "sthr"
  | "sevt"
  | "vlt"
  | "vcrd"
  | "skill"
  | "skillver"
  | "wrkspc"
  | "req"
  | "msg"
  | "toolu";

/** An identifier in the provider's form: prefix, `01`, then base58-like characters. */
export function newId(prefix: IdPrefix): string {
  let tail = "";
  for (const byte of randomBytes(22)) tail += alphabet[byte % alphabet.length];
  return `${prefix}_01${tail}`;
}

/** Now, RFC 3339 in UTC. */
export function timestamp(): string {
  return new Date().toISOString();
}
