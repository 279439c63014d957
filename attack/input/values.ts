import fc from "fast-check";
import type { Document, Schema } from "./document.ts";

/** Texts that have broken other programs. */
export const hostileTexts = [
  "",
  " ",
  ".",
  "..",
  "\0",
  "a\0b",
  "\ud800",
  "\u202eevil",
  "\u200b",
  "\u{e0041}\u{e0042}",
  "аdmin",
  "../../etc/passwd",
  "..%2f..%2f",
  "%00",
  "%ff",
  "'; drop table agents; --",
  "\\",
  '"',
  "{{7*7}}",
  "<script>alert(1)</script>",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "NaN",
  "-1",
  "1e400",
  "9".repeat(400),
  "a".repeat(5_000),
  "\r\nX-Injected: 1",
  "00000000-0000-0000-0000-000000000000",
  "2026-02-30T25:61:61Z",
  "İ",
  "ﷺ".repeat(20),
] as const;

const hostileValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  {},
  [[[[]]]],
  ...hostileTexts,
];

/** Values of which some fit: ids that exist, by the name of the field or parameter that may hold them. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Values by a schema: mostly what it allows, here and there something hostile in its place. */
export function valuesOf(
  document: Pick<Document, "resolve">,
  known: Known,
  schema: Schema,
  name = "",
  depth = 0,
): fc.Arbitrary<unknown> {
  const fitting = fittingOf(document, known, document.resolve(schema), name, depth);
  return fc.oneof(
    { weight: 40, arbitrary: fitting },
    { weight: 1, arbitrary: fc.constantFrom(...hostileValues) },
    ...(depth === 0 ? [] : [{ weight: 1, arbitrary: fc.constantFrom<unknown>(...hostileTexts) }]),
  );
}

function fittingOf(
  document: Pick<Document, "resolve">,
  known: Known,
  schema: Schema,
  name: string,
  depth: number,
): fc.Arbitrary<unknown> {
  const one = (inner: Schema, inside = name) => valuesOf(document, known, inner, inside, depth + 1);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const [first, ...others] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (first !== undefined) return fc.oneof(one(first), ...others.map((other) => one(other)));
  const types = [schema.type ?? (schema.properties === undefined ? "anything" : "object")].flat();
  return fc.oneof(
    ...types.map((type): fc.Arbitrary<unknown> => {
      switch (type) {
        case "object":
          return objectsOf(schema, one);
        case "array": {
          const minLength = schema.minItems ?? 0;
          const maxLength = Math.max(minLength, Math.min(schema.maxItems ?? 3, minLength + 3));
          return fc.array(schema.items === undefined ? fc.jsonValue() : one(schema.items), { minLength, maxLength });
        }
        case "integer":
        case "number": {
          const min = Math.max(schema.minimum ?? -(2 ** 31), -(2 ** 53));
          const max = Math.min(schema.maximum ?? 2 ** 31, 2 ** 53);
          return type === "integer" || !(min < max)
            ? fc.oneof(fc.constantFrom(min, max), fc.integer({ min: Math.ceil(min), max: Math.floor(max) }))
            : fc.double({ min, max, noNaN: true });
        }
        case "boolean":
          return fc.boolean();
        case "null":
          return fc.constant(null);
        case "string":
          return textsOf(schema, known, name);
        default:
          return fc.jsonValue();
      }
    }),
  );
}

function objectsOf(
  { properties = {}, required = [], additionalProperties }: Schema,
  one: (schema: Schema, name: string) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, one(schema, name)])),
    { requiredKeys: required },
  );
  const extra =
    typeof additionalProperties === "object"
      ? fc.dictionary(fc.string({ maxLength: 10 }), one(additionalProperties, ""), { maxKeys: 3 })
      : fc.constant({});
  // As sent: a field that does not exist, or one that is missing.
  const changed = fc.oneof(
    { weight: 30, arbitrary: fc.constant((value: Record<string, unknown>) => value) },
    { weight: 1, arbitrary: fc.constant((value: Record<string, unknown>) => ({ ...value, nobody_knows: 1 })) },
    {
      weight: 1,
      arbitrary: fc.constant((value: Record<string, unknown>) => Object.fromEntries(Object.entries(value).slice(1))),
    },
  );
  return fc.tuple(fields, extra, changed).map(([value, more, change]) => change({ ...more, ...value }));
}

function textsOf(
  { pattern, format, minLength = 0, maxLength = 60 }: Schema,
  known: Known,
  name: string,
): fc.Arbitrary<string> {
  const there = known[name] ?? (format === "uuid" ? Object.values(known).flat() : []);
  const made =
    format === "uuid"
      ? fc.uuid()
      : format === "email"
        ? fc.emailAddress()
        : format === "uri"
          ? fc.webUrl()
          : format === "date-time"
            ? fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
            : pattern === undefined || /\(\?[=!<]/.test(pattern)
              ? fc.string({
                  unit: fc.oneof(
                    { weight: 60, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }) },
                    { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
                  ),
                  minLength,
                  maxLength: Math.max(minLength, Math.min(maxLength, minLength + 60)),
                })
              : fc.stringMatching(new RegExp(pattern), { maxLength: 80 });
  return there.length === 0
    ? made
    : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...there) }, { weight: 1, arbitrary: made });
}
