import { expect, test } from "vitest";
import { partsOfSchema, partsOfValue } from "../../../tools/json/effort.ts";

test("a schema has as many parts as it has values, at any depth", () => {
  expect(partsOfSchema({ type: "object", properties: { a: { type: "string" } } })).toBe(5);
  expect(partsOfSchema(true)).toBe(1);
});

test.each([
  ["a pattern", { properties: { a: { type: "string", pattern: "^(a+)+$" } } }],
  ["names by pattern", { items: { patternProperties: { a: true } } }],
  ["a reference", { anyOf: [{ $ref: "#" }] }],
  ["a dynamic reference", { $defs: { a: { $dynamicRef: "#x" } } }],
  ["unique items", { properties: { list: { uniqueItems: true } } }],
  ["what is left over", { anyOf: [{ properties: { a: true } }], unevaluatedProperties: false }],
])("a schema with %s has no bound", (_, schema) => {
  expect(partsOfSchema(schema)).toBe(Number.POSITIVE_INFINITY);
});

test("a value is counted by its parts and its text, and not further than asked", () => {
  expect(partsOfValue({ a: [1, 2], b: null }, 100)).toBe(5);
  expect(partsOfValue("x".repeat(1_000), 100)).toBe(11);
  expect(
    partsOfValue(
      Array.from({ length: 1_000_000 }, () => "x"),
      100,
    ),
  ).toBeGreaterThan(100);
  expect(partsOfValue({ long: Array.from({ length: 500_000 }, (_, index) => index) }, 1e9)).toBe(500_002);
});

test("the names that lead to a part of a value count as often as they would be told", () => {
  const name = "~".repeat(10_000);
  expect(partsOfValue({ [name]: 1 }, 1e9)).toBeGreaterThan(200);
  expect(partsOfValue({ [name]: Array.from({ length: 1_000 }, () => 1) }, 1e9)).toBeGreaterThan(200_000);
  const deep = (depth: number): unknown => (depth === 0 ? [1, 2, 3] : { ["n".repeat(50)]: deep(depth - 1) });
  expect(partsOfValue(deep(100), 1e9)).toBeGreaterThan(5_000);
});
