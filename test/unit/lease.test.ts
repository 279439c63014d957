import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CapabilityFault, type KeyRing, mint, open } from "../../core/lease/capability.ts";
import {
  consume,
  defaultLeaseTerms,
  grant,
  type Lease,
  type LeaseFault,
  type LeaseUse,
  renew,
  revoke,
  validate,
} from "../../core/lease/lease.ts";
import type { Risk } from "../../core/runs/terms.ts";

const start = 1_000_000;
const granted = (risk: Risk = "medium"): Lease =>
  grant({ id: "l1", runId: "r1", toolId: "write_file", risk, mode: "PERMISSION" }, defaultLeaseTerms, start);
const use = (more: Partial<LeaseUse> = {}): LeaseUse => ({ runId: "r1", toolId: "write_file", now: start, ...more });

describe("a lease", () => {
  test.each<[Risk, number, number]>([
    ["high", 300, 1],
    ["medium", 600, 5],
    ["low", 3_600, 20],
  ])("of risk %s lasts %d s and for %d calls", (risk, seconds, calls) => {
    expect(granted(risk)).toEqual({
      id: "l1",
      runId: "r1",
      toolId: "write_file",
      risk,
      mode: "PERMISSION",
      grantedAt: start,
      expiresAt: start + seconds * 1_000,
      callsRemaining: calls,
      revokedAt: null,
    });
  });

  test.each<[string, Partial<Lease>, Partial<LeaseUse>, LeaseFault | null]>([
    ["holds", {}, {}, null],
    ["holds to its last millisecond", {}, { now: start + 599_999 }, null],
    ["has expired", {}, { now: start + 600_000 }, "expired"],
    ["has no calls left", { callsRemaining: 0 }, {}, "exhausted"],
    ["was revoked", { revokedAt: start }, {}, "revoked"],
    ["belongs to another run", {}, { runId: "r2" }, "other_run"],
    ["is for another tool", {}, { toolId: "read_file" }, "other_tool"],
    ["was revoked and has expired since", { revokedAt: start }, { now: start + 600_000 }, "revoked"],
    ["belongs to another run, which need not know that it was revoked", { revokedAt: 1 }, { runId: "r2" }, "other_run"],
  ])("that %s", (_, more, asked, reason) => {
    const lease = { ...granted(), ...more };
    const expected = reason === null ? { ok: true } : { ok: false, reason };
    expect(validate(lease, use(asked))).toMatchObject(expected);
    expect(consume(lease, use(asked))).toMatchObject(expected);
  });

  test("gives as many calls as it has, then refuses in a sentence", () => {
    let lease = granted();
    for (let call = 0; call < 5; call += 1) {
      const taken = consume(lease, use());
      if (!taken.ok) throw new Error(taken.message);
      lease = taken.lease;
    }
    expect(consume(lease, use())).toEqual({
      ok: false,
      reason: "exhausted",
      message: "the lease for write_file has no calls left",
    });
  });

  test("is renewed by an approval, on the terms of its risk", () => {
    const spent = { ...granted(), callsRemaining: 0 };
    expect(renew(spent, { status: "approved" }, defaultLeaseTerms, start + 900_000)).toEqual({
      ok: true,
      lease: { ...granted(), expiresAt: start + 1_500_000, callsRemaining: 5 },
    });
  });

  test.each(["pending", "denied", "expired", "cancelled"])("is not renewed by an approval that is %s", (status) => {
    expect(renew(granted(), { status }, defaultLeaseTerms, start)).toMatchObject({ ok: false, reason: "not_approved" });
  });

  test("that was revoked stays so, whatever is approved", () => {
    const revoked = revoke(granted(), start + 5);
    expect(revoke(revoked, start + 9).revokedAt).toBe(start + 5);
    expect(renew(revoked, { status: "approved" }, defaultLeaseTerms, start)).toMatchObject({
      ok: false,
      reason: "revoked",
    });
  });

  test("never gives more calls than its terms between two renewals, and none after its end", () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("use" as const), after: fc.nat(120_000) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constantFrom("renew" as const, "revoke" as const), after: fc.nat(9) }),
      },
    );
    fc.assert(
      fc.property(
        fc.constantFrom<Risk>("low", "medium", "high"),
        fc.array(event, { maxLength: 60 }),
        (risk, events) => {
          const terms = defaultLeaseTerms[risk];
          let [lease, now, termStart, given, dead] = [granted(risk), start, start, 0, false];
          for (const { kind, after } of events) {
            now += after;
            if (kind === "revoke") {
              lease = revoke(lease, now);
              dead = true;
            } else if (kind === "renew") {
              const renewed = renew(lease, { status: "approved" }, defaultLeaseTerms, now);
              expect(renewed.ok).toBe(!dead);
              if (renewed.ok) [lease, termStart, given] = [renewed.lease, now, 0];
            } else {
              const taken = consume(lease, use({ now }));
              const holds = !dead && now < termStart + terms.seconds * 1_000 && given < terms.calls;
              expect(taken.ok).toBe(holds);
              if (taken.ok) [lease, given] = [taken.lease, given + 1];
            }
          }
        },
      ),
    );
  });
});

describe("a capability", () => {
  const ring: KeyRing = { current: "k1", all: new Map([["k1", new Uint8Array(32).fill(7)]]) };
  const bound = { organisationId: "o1", leaseId: "l1", runId: "r1", stepId: "s1", toolId: "write_file" };
  const token = mint(bound, start + 1_000, ring);
  const reasonOf = (text: string, now = start, keys = ring): CapabilityFault | null => {
    const result = open(text, now, keys);
    return result.ok ? null : result.reason;
  };

  test("is verified where it is used, and says when it ends", () => {
    expect(token).toMatch(/^plc1\.k1\.[\w-]+\.[\w-]{43}$/);
    expect(open(token, start, ring)).toEqual({ ok: true, binding: bound, expiresAt: start + 1_000 });
  });

  test("ends", () => {
    expect(reasonOf(token, start + 999)).toBeNull();
    expect(reasonOf(token, start + 1_000)).toBe("expired");
  });

  test("of a retired key holds until the key is taken out", () => {
    const second = new Uint8Array(32).fill(9);
    const both: KeyRing = { current: "k2", all: new Map([...ring.all, ["k2", second]]) };
    expect(reasonOf(token, start, both)).toBeNull();
    expect(mint(bound, start + 1_000, both)).toMatch(/^plc1\.k2\./);
    expect(reasonOf(token, start, { current: "k2", all: new Map([["k2", second]]) })).toBe("unknown_key");
    // Named as the new key's, an old signature is none.
    expect(reasonOf(token.replace("plc1.k1.", "plc1.k2."), start, both)).toBe("altered");
  });

  test("signed with another key of the same name is refused", () => {
    const other: KeyRing = { current: "k1", all: new Map([["k1", new Uint8Array(32).fill(8)]]) };
    expect(reasonOf(mint(bound, start + 1_000, other))).toBe("altered");
  });

  test("cannot be bound to more by rewriting its payload", () => {
    const [version, key, payload = "", mac] = token.split(".");
    const claims = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), tool: "execute_command" };
    const forged = Buffer.from(JSON.stringify(claims)).toString("base64url");
    expect(reasonOf(`${version}.${key}.${forged}.${mac}`)).toBe("altered");
  });

  test("has one spelling: other base64url of the same bytes is refused", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 32 bytes leave two bits of the last letter unused.
    const twin = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1) ?? "") ^ 1]}`;
    expect(Buffer.from(twin.split(".")[3] ?? "", "base64url")).toEqual(
      Buffer.from(token.split(".")[3] ?? "", "base64url"),
    );
    expect(reasonOf(twin)).toBe("malformed");
    for (const spelt of [`${token}=`, `${token} `, `${token}\n`, token.replace(/\.(?=[^.]*$)/, "=.")])
      expect(reasonOf(spelt)).toBe("malformed");
  });

  test.each(["", ".", "...", "plc1", "plc1.k1", "plc1.k1..", "plc2.k1.e30.e30", `${token}.x`, "x".repeat(5_000)])(
    "is not %j",
    (text) => {
      expect(["malformed", "altered"]).toContain(reasonOf(text));
    },
  );

  test("is refused with any one character changed, left out or added, and never throws", () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ maxLength: 2 }), (at, put) => {
        const changed = token.slice(0, at) + put + token.slice(at + 1);
        fc.pre(changed !== token);
        expect(reasonOf(changed)).toMatch(/^(malformed|altered|unknown_key)$/);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(reasonOf(text)).toBe("malformed");
      }),
    );
  });

  test.each([
    ["missing", { current: "k9", all: ring.all }],
    ["short", { current: "k1", all: new Map([["k1", new Uint8Array(16)]]) }],
    ["badly named", { current: "a.b", all: new Map([["a.b", new Uint8Array(32)]]) }],
  ])("is not made with a key that is %s", (_, keys) => {
    expect(() => mint(bound, start, keys)).toThrow(RangeError);
  });
});
