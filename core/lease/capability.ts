import { createHmac, timingSafeEqual } from "node:crypto";

/** Never for workflow code: it needs Node's crypto. */

/** Signing keys by id. `current` signs; all verify, until they are taken out. */
export interface KeyRing {
  current: string;
  /** Each key has 32 bytes or more; ids are of letters, digits, `_` and `-`. */
  all: ReadonlyMap<string, Uint8Array>;
}

/** What a capability is bound to. */
export interface CapabilityBinding {
  leaseId: string;
  runId: string;
  toolId: string;
}

export type CapabilityFault =
  | "malformed"
  | "unknown_key"
  | "altered"
  | "expired"
  | "other_lease"
  | "other_run"
  | "other_tool";

export type CapabilityResult =
  | { ok: true; expiresAt: number }
  | { ok: false; reason: CapabilityFault; message: string };

const version = "plc1";

/**
 * A token that proves, without a database, that a lease was granted to this run for this tool:
 * `plc1.<key id>.<payload>.<HMAC-SHA256 of all before>`, the last two base64url. That the lease still holds is for the
 * lease to say.
 * @param expiresAt epoch milliseconds
 * @throws RangeError when the ring has no usable current key
 */
export function mint({ leaseId, runId, toolId }: CapabilityBinding, expiresAt: number, ring: KeyRing): string {
  const key = ring.all.get(ring.current);
  if (key === undefined || key.length < 32 || !/^[\w-]{1,64}$/.test(ring.current))
    throw new RangeError(`no usable signing key ${ring.current}`);
  const payload = Buffer.from(JSON.stringify({ lease: leaseId, run: runId, tool: toolId, exp: expiresAt }));
  const signed = `${version}.${ring.current}.${payload.toString("base64url")}`;
  return `${signed}.${hmac(key, signed).toString("base64url")}`;
}

/** Is this a token of ours, unaltered, for this lease, run and tool, and not expired? */
export function verify(token: string, expected: CapabilityBinding, now: number, ring: KeyRing): CapabilityResult {
  const refuse = (reason: CapabilityFault, message: string): CapabilityResult => ({ ok: false, reason, message });
  const malformed = () => refuse("malformed", "this is not a capability token");

  // Longer than any we mint: not worth a hash.
  if (token.length > 4096) return malformed();
  const [prefix, keyId, payload, mac, ...more] = token.split(".");
  if (prefix !== version || keyId === undefined || payload === undefined || mac === undefined || more.length > 0)
    return malformed();
  const key = ring.all.get(keyId);
  if (key === undefined) return refuse("unknown_key", "the capability token is signed with a key that is not in use");
  const [payloadBytes, macBytes] = [decode(payload), decode(mac)];
  if (payloadBytes === null || macBytes === null) return malformed();
  const wanted = hmac(key, `${version}.${keyId}.${payload}`);
  if (macBytes.length !== wanted.length || !timingSafeEqual(macBytes, wanted))
    return refuse("altered", "the capability token has been altered");

  const claims = JSON.parse(payloadBytes.toString("utf8")) as { lease: string; run: string; tool: string; exp: number };
  if (claims.run !== expected.runId) return refuse("other_run", "the capability token is for another run");
  if (claims.tool !== expected.toolId) return refuse("other_tool", "the capability token is for another tool");
  if (claims.lease !== expected.leaseId) return refuse("other_lease", "the capability token is for another lease");
  if (now >= claims.exp) return refuse("expired", "the capability token has expired");
  return { ok: true, expiresAt: claims.exp };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

/** Null unless the text is the one base64url form of its bytes: Node would take others, and one token would have many. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : null;
}
