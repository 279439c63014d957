import { createHmac, timingSafeEqual } from "node:crypto";

/** Never for workflow code: it needs Node's crypto. */

/** Signing keys by id. `current` signs; all verify, until they are taken out. */
export interface KeyRing {
  current: string;
  /** Each key has 32 bytes or more; ids are of letters, digits, `_` and `-`. */
  all: ReadonlyMap<string, Uint8Array>;
}

/** What a capability is bound to: one call of one tool by one run, under one lease. */
export interface CapabilityBinding {
  organisationId: string;
  leaseId: string;
  runId: string;
  stepId: string;
  toolId: string;
}

export type CapabilityFault = "malformed" | "unknown_key" | "altered" | "expired";

interface Refused {
  ok: false;
  reason: CapabilityFault;
  message: string;
}
export type OpenedCapability = { ok: true; binding: CapabilityBinding; expiresAt: number } | Refused;

const version = "plc1";

/**
 * A token that proves, without a database, that a lease was granted to this run for this tool and that this call was let
 * through: `plc1.<key id>.<payload>.<HMAC-SHA256 of all before>`, the last two base64url. That the lease still holds is for
 * the lease to say.
 * @param expiresAt epoch milliseconds
 * @throws RangeError when the ring has no usable current key
 */
export function mint(binding: CapabilityBinding, expiresAt: number, ring: KeyRing): string {
  const key = ring.all.get(ring.current);
  if (key === undefined || key.length < 32 || !/^[\w-]{1,64}$/.test(ring.current))
    throw new RangeError(`no usable signing key ${ring.current}`);
  const { organisationId: org, leaseId: lease, runId: run, stepId: step, toolId: tool } = binding;
  const payload = Buffer.from(JSON.stringify({ org, lease, run, step, tool, exp: expiresAt }));
  const signed = `${version}.${ring.current}.${payload.toString("base64url")}`;
  return `${signed}.${hmac(key, signed).toString("base64url")}`;
}

/** Reads a token of ours: unaltered, under a key in use, not expired; what it is bound to. */
export function open(token: string, now: number, ring: KeyRing): OpenedCapability {
  // Longer than any we mint: not worth a hash.
  if (token.length > 4096) return malformed();
  const [prefix, keyId, payload, mac, ...more] = token.split(".");
  if (prefix !== version || keyId === undefined || payload === undefined || mac === undefined || more.length > 0)
    return malformed();
  const key = ring.all.get(keyId);
  if (key === undefined) return refused("unknown_key", "the capability token is signed with a key that is not in use");
  const [payloadBytes, macBytes] = [decode(payload), decode(mac)];
  if (payloadBytes === null || macBytes === null) return malformed();
  const wanted = hmac(key, `${version}.${keyId}.${payload}`);
  if (macBytes.length !== wanted.length || !timingSafeEqual(macBytes, wanted))
    return refused("altered", "the capability token has been altered");

  const claims = JSON.parse(payloadBytes.toString("utf8")) as Record<
    "org" | "lease" | "run" | "step" | "tool",
    string
  > & {
    exp: number;
  };
  if (now >= claims.exp) return refused("expired", "the capability token has expired");
  const { org: organisationId, lease: leaseId, run: runId, step: stepId, tool: toolId } = claims;
  return { ok: true, binding: { organisationId, leaseId, runId, stepId, toolId }, expiresAt: claims.exp };
}

function refused(reason: CapabilityFault, message: string): Refused {
  return { ok: false, reason, message };
}

function malformed(): Refused {
  return refused("malformed", "this is not a capability token");
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

/** Null unless the text is the one base64url form of its bytes: Node would take others, and one token would have many. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : null;
}
