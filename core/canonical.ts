import { createHash } from "node:crypto";
import serialize from "canonicalize";

/** RFC 8785 canonical JSON. Throws on values JSON cannot carry. */
export function canonicalJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}

/** Lower-case hex SHA-256 of a UTF-8 string. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Digest of a value's canonical JSON: equal for equal values, whatever the key order. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}
