import { hkdfSync } from "node:crypto";
import type { KeyRing } from "./capability.ts";

/** Never for workflow code: it needs Node's crypto. */

const dayMs = 86_400_000;

/**
 * The keys capability tokens are signed with: one a day (UTC), derived from the installation's secret (HKDF, RFC 5869), so
 * every process has the same ones without sharing anything else, and they rotate by themselves. Yesterday's still verifies;
 * tomorrow's as well, for clocks that differ.
 * @param now epoch milliseconds
 */
export function capabilityKeys(secret: Uint8Array, now: number): KeyRing {
  const today = Math.floor(now / dayMs);
  const all = new Map([today - 1, today, today + 1].map((day) => [keyId(day), keyOf(secret, day)]));
  return { current: keyId(today), all };
}

function keyId(day: number): string {
  return `d${day}`;
}

function keyOf(secret: Uint8Array, day: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "powerloom", `run capability ${keyId(day)}`, 32));
}
