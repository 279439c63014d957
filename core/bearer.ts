import { randomBytes } from "node:crypto";
import { sha256Hex } from "./canonical.ts";

/** A new opaque token of 256 random bits. The prefix says what leaked, should one ever be found in the open. */
export function mintToken(prefix: "plb" | "plc" | "pls" | "plt" | "pli"): string {
  return `${prefix}_${randomBytes(32).toString("base64url")}`;
}

/** What is stored of a token. A fast hash is enough: the token has 256 bits of its own. */
export function hashToken(token: string): string {
  return sha256Hex(token);
}
