import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, digestOf, sha256Hex } from "../../core/canonical.ts";
import { seal, unseal } from "../../core/sealing.ts";

describe("canonical JSON", () => {
  test.each<[unknown, string]>([
    [{ b: 1, a: [3, null, true] }, '{"a":[3,null,true],"b":1}'],
    [{ "\u20ac": 1, "\r": 2, "1": 3, é: 4 }, '{"\\r":2,"1":3,"é":4,"€":1}'],
    // RFC 8785 appendix B: numbers as ECMAScript writes them.
    [[1e30, 4.5, 0.002, 1e-27, -0, 333333333.3333333], "[1e+30,4.5,0.002,1e-27,0,333333333.3333333]"],
    ['\u0007"\\/\u2028', '"\\u0007\\"\\\\/\u2028"'],
    [{ a: undefined, b: 1 }, '{"b":1}'],
  ])("of %j", (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test("is the same whatever the order of keys, and reads back as the same value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(digestOf(reversed)).toBe(sha256Hex(canonicalJson(value)));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
    );
  });

  test("refuses what JSON cannot carry", () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 10n])
      expect(() => canonicalJson(value)).toThrow(/JSON|NaN|Infinity|BigInt|number/i);
  });
});

describe("sealing", () => {
  const key = randomBytes(32);

  test("gives back what was sealed, and never seals the same way twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (secret) => {
        fc.pre(secret.isWellFormed());
        expect(unseal(key, seal(key, secret))).toBe(secret);
        expect(seal(key, secret)).not.toBe(seal(key, secret));
      }),
    );
  });

  test("does not open with one bit changed, with bytes missing, or with another key", () => {
    const sealed = Buffer.from(seal(key, "the secret"), "base64url");
    fc.assert(
      fc.property(fc.nat({ max: sealed.length * 8 - 1 }), (bit) => {
        const tampered = Buffer.from(sealed);
        tampered.writeUInt8(tampered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(() => unseal(key, tampered.toString("base64url"))).toThrow(/authenticat|Invalid/);
      }),
    );
    for (const length of [0, 11, 12, 20, 27, 28, sealed.length - 1])
      expect(() => unseal(key, sealed.subarray(0, length).toString("base64url"))).toThrow(/authenticat|Invalid/);
    expect(() => unseal(randomBytes(32), sealed.toString("base64url"))).toThrow(/authenticat|Invalid/);
  });
});
