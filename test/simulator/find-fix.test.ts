import { describe, expect, test } from "vitest";
import { findFix } from "../../simulator/messages/mind/repair/find-fix.ts";

interface Variant {
  name: string;
  /** The source with its bug; `@f`, `@a`, `@b`, `@c` are names. */
  source: string;
  /** The right text that a fix must bring about; spaces make no difference. */
  fixed: string;
  cases: string;
  async?: boolean;
}

const variants: Variant[] = [
  {
    name: "a loop that runs past the end",
    source:
      "export function @f(@a) {\n  let @b = 0;\n  for (let @c = 0; @c <= @a.length; @c += 1) {\n    @b += @a[@c];\n  }\n  return @b;\n}\n",
    fixed: "@c < @a.length",
    cases: "assert.equal(@f([1, 2, 3]), 6);",
  },
  {
    name: "a loop that starts at one",
    source:
      "export function @f(@a) {\n  const @b = [];\n  for (let @c = 1; @c < @a.length; @c++) {\n    @b.push(@a[@c] * 2);\n  }\n  return @b;\n}\n",
    fixed: "let @c = 0",
    cases: "assert.deepEqual(@f([1, 2, 3]), [2, 4, 6]);",
  },
  {
    name: "a wrong arithmetic operator",
    source: "export const @f = (@a, @b) => {\n  return @a * (1 + @b / 100);\n};\n",
    fixed: "@a * (1 - @b / 100)",
    cases: "assert.equal(@f(200, 10), 180);\n  assert.equal(@f(100, 0), 100);",
  },
  {
    name: "a comparison that is wrong at its boundary",
    source: "export function @f(@a) {\n  if (@a > 18) {\n    return 'adult';\n  }\n  return 'minor';\n}\n",
    fixed: "@a >= 18",
    cases: "assert.equal(@f(18), 'adult');\n  assert.equal(@f(17), 'minor');\n  assert.equal(@f(30), 'adult');",
  },
  {
    name: "an inverted comparison",
    source:
      "export function @f(@a) {\n  let @b = @a[0];\n  for (const @c of @a) {\n    if (@c < @b) @b = @c;\n  }\n  return @b;\n}\n",
    fixed: "@c > @b",
    cases: "assert.equal(@f([3, 9, 4]), 9);",
  },
  {
    name: "a missing return",
    source: "export function @f(@a, @b) {\n  @a.filter((@c) => @c > @b);\n}\n",
    fixed: "return @a.filter((@c) => @c > @b);",
    cases: "assert.deepEqual(@f([1, 5, 9], 4), [5, 9]);",
  },
  {
    name: "a missing return of what was gathered",
    source:
      "export function @f(@a) {\n  const @b = {};\n  for (const @c of @a) {\n    @b[@c] = (@b[@c] ?? 0) + 1;\n  }\n}\n",
    fixed: "return @b;",
    cases: "assert.deepEqual(@f(['x', 'y', 'x']), { x: 2, y: 1 });",
  },
  {
    name: "a wrong starting value",
    source: "export function @f(@a) {\n  let @b = 0;\n  for (const @c of @a) {\n    @b *= @c;\n  }\n  return @b;\n}\n",
    fixed: "let @b = 1",
    cases: "assert.equal(@f([2, 3, 4]), 24);",
  },
  {
    name: "a wrong starting value of a reduction",
    source: "export const @f = (@a) => @a.reduce((@b, @c) => @b + @c.price, 1);\n",
    fixed: "@b + @c.price, 0)",
    cases: "assert.equal(@f([{ price: 5 }, { price: 7 }]), 12);",
  },
  {
    name: "a subtraction the wrong way round",
    source: "export function @f(@a, @b) {\n  const @c = @a - @b;\n  return @c / 60;\n}\n",
    fixed: "@b - @a",
    cases: "assert.equal(@f(60, 180), 2);",
  },
  {
    name: "swapped arguments of slice",
    source: "export function @f(@a, @b, @c) {\n  return @a.slice(@c, @b);\n}\n",
    fixed: "@a.slice(@b, @c)",
    cases: "assert.deepEqual(@f([1, 2, 3, 4], 1, 3), [2, 3]);",
  },
  {
    name: "a missing await",
    source: `async function load(@a) {\n  return { name: @a };\n}\n\nexport async function @f(@b) {\n  const @c = load(@b);\n  return \`Hello \${@c.name}\`;\n}\n`,
    fixed: "const @c = await load(@b);",
    cases: "assert.equal(await @f('Ada'), 'Hello Ada');",
    async: true,
  },
  {
    name: "a sort that changes what it was given",
    source: "export function @f(@a) {\n  return @a.sort((@b, @c) => @b - @c);\n}\n",
    fixed: "[...@a].sort((@b, @c) => @b - @c)",
    cases: "const given = [3, 1, 2];\n  assert.deepEqual(@f(given), [1, 2, 3]);\n  assert.deepEqual(given, [3, 1, 2]);",
  },
  {
    name: "numbers sorted as text",
    source: "export function @f(@a) {\n  const @b = [...@a].sort();\n  return @b;\n}\n",
    fixed: "[...@a].sort((a, b) => a - b)",
    cases: "assert.deepEqual(@f([10, 9, 1]), [1, 9, 10]);",
  },
  {
    name: "numbers compared as text",
    source: "export function @f(@a, @b) {\n  return @a > @b ? @a : @b;\n}\n",
    fixed: "Number(@a) > Number(@b)",
    cases: "assert.equal(@f('10', '9'), '10');\n  assert.equal(@f('7', '30'), '30');",
  },
  {
    name: "texts joined instead of added",
    source:
      "export function @f(@a) {\n  let @b = 0;\n  for (const @c of @a) {\n    @b += @c.amount;\n  }\n  return @b;\n}\n",
    fixed: "@b += Number(@c.amount)",
    cases: "assert.equal(@f([{ amount: '2' }, { amount: '40' }]), 42);",
  },
];

const namings = [
  { file: "src/zorp.js", f: "zorpify", a: "plims", b: "quux", c: "vee" },
  { file: "lib/krill-utils.mjs", f: "brondle", a: "$in", b: "acc_2", c: "idx" },
  { file: "t7.js", f: "x9", a: "wumps", b: "hodge", c: "podge" },
];

const named = (text: string, { f, a, b, c }: (typeof namings)[number]) =>
  text
    .replaceAll("@f", f)
    .replaceAll("@a", () => a)
    .replaceAll("@b", b)
    .replaceAll("@c", c);
const squeezed = (text: string) => text.replaceAll(/\s+/g, " ");

describe.each(variants)("$name", (variant) => {
  test.each(namings)("is found and fixed in $file", (names) => {
    const source = named(variant.source, names);
    const up = names.file.includes("/") ? "../" : "./";
    const body = named(variant.cases, names);
    const testFile = [
      'import { test } from "node:test";',
      'import assert from "node:assert/strict";',
      `import { ${names.f} } from "${up}${names.file}";`,
      "",
      `test("${names.f} works", ${variant.async === true ? "async " : ""}() => {\n  ${body}\n});`,
      "",
    ].join("\n");
    const path = names.file.includes("/") ? "test/some.test.js" : "some.test.js";
    const finding = findFix(
      new Map([
        [names.file, source],
        [path, testFile],
      ]),
      [path],
    );
    expect(finding).toMatchObject({ kind: "fix", path: names.file, workedOut: true });
    if (finding.kind === "fix") expect(squeezed(finding.content)).toContain(named(variant.fixed, names));
  });
});
