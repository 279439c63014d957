import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkArguments, checkSchema, parseOutput, repairArguments } from "../../../tools/validate.ts";

const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  type: "object",
  properties,
  additionalProperties: false,
  ...more,
});
const spec = {
  inputSchema: object(
    {
      count: { type: "integer", minimum: 1 },
      force: { type: "boolean" },
      tags: { type: "array", items: { type: "string" } },
      where: object({ line: { type: "number" } }),
      note: { type: "string" },
      either: { anyOf: [{ type: "integer" }, { type: "null" }] },
      steps: { type: "array", items: object({ step: { type: "integer" } }) },
    },
    { required: ["count"] },
  ),
};

describe("arguments", () => {
  test("that fit come back as they are", () => {
    const args = { count: 3, tags: ["a"] };
    expect(checkArguments(spec, args)).toEqual({ ok: true, args });
    expect(repairArguments(spec, args)).toEqual({ ok: true, args, changes: [] });
  });

  test.each<[string, unknown, { pointer: string; message: RegExp }]>([
    ["a missing property", {}, { pointer: "", message: /required property 'count'/ }],
    ["a wrong type, by its place", { count: 1, where: { line: [] } }, { pointer: "/where/line", message: /number/ }],
    ["an unknown property, by its name", { count: 1, size: 2 }, { pointer: "", message: /"size"/ }],
    ["no object", "count", { pointer: "", message: /JSON object/ }],
    ["a list", [1], { pointer: "", message: /JSON object/ }],
    ["nothing", undefined, { pointer: "", message: /JSON object/ }],
  ])("are refused for %s", (_, args, { pointer, message }) => {
    const checked = checkArguments(spec, args);
    expect(checked.ok ? [] : checked.faults).toEqual([{ pointer, message: expect.stringMatching(message) as string }]);
  });

  test.each<[string, Record<string, unknown> | string, Record<string, unknown>, RegExp[]]>([
    ["a number given as a string", { count: "3" }, { count: 3 }, [/^\/count: .* integer/]],
    ["a truth value given as a string", { count: 1, force: "true" }, { count: 1, force: true }, [/^\/force/]],
    ["a single value for a list", { count: 1, tags: "a" }, { count: 1, tags: ["a"] }, [/^\/tags: .* list/]],
    ["a list given as JSON", { count: 1, tags: '["a","b"]' }, { count: 1, tags: ["a", "b"] }, [/^\/tags: .* array/]],
    [
      "an object given as JSON, and a number in it",
      { count: 1, where: '{"line":"7"}' },
      { count: 1, where: { line: 7 } },
      [/^\/where: .* object/, /^\/where\/line: .* number/],
    ],
    ["a null for something optional", { count: 1, note: null }, { count: 1 }, [/^\/note: null/]],
    ["an unknown property", { count: 1, size: 2 }, { count: 1 }, [/"size" left out/]],
    ["everything as one JSON text", '{"count":2}', { count: 2 }, [/^the whole: .* object/]],
    ["a string among alternatives", { count: 1, either: "4" }, { count: 1, either: 4 }, [/^\/either/]],
    [
      "things deep inside",
      { count: 1, steps: [{ step: "1" }, { step: 2, x: 0 }] },
      { count: 1, steps: [{ step: 1 }, { step: 2 }] },
      [/^\/steps\/0\/step/, /^\/steps\/1: .*"x"/],
    ],
    [
      "a property called __proto__",
      JSON.parse('{"count":1,"__proto__":{"a":1}}') as object as never,
      { count: 1 },
      [/__proto__/],
    ],
  ])("are repaired: %s, and the change is named", (_, given, args, changes) => {
    const before = structuredClone(given);
    const repaired = repairArguments(spec, given);
    expect(repaired).toMatchObject({ ok: true, args });
    expect(repaired.ok ? repaired.args : {}).toEqual(args);
    expect(repaired.changes).toEqual(changes.map((change) => expect.stringMatching(change) as string));
    expect(given).toEqual(before);
  });

  test.each<[string, Record<string, unknown>]>([
    ["a null for something required", { count: null }],
    ["a number with words", { count: "3 apples" }],
    ["an empty string for a number", { count: "" }],
    ["hexadecimal", { count: "0x10" }],
    ["a fraction for an integer", { count: "3.5" }],
    ["an integer that doubles do not hold", { count: "9007199254740993" }],
    ["yes for true", { count: 1, force: "yes" }],
    ["a number for a truth value", { count: 1, force: 1 }],
    ["a value out of range", { count: 0 }],
    ["broken JSON for an object", { count: 1, where: "{line:1}" }],
    ["a missing property", { force: true }],
  ])("are not repaired by guessing: %s", (_, args) => {
    expect(repairArguments(spec, args)).toMatchObject({ ok: false });
  });

  test("lose no unknown property to fit one of several alternatives", () => {
    const alternatives = {
      inputSchema: {
        type: "object",
        anyOf: [
          object({ a: { type: "integer" } }, { required: ["a"] }),
          object({ a: { type: "integer" }, b: { type: "integer", maximum: 1 } }, { required: ["a"] }),
        ],
      },
    };
    expect(repairArguments(alternatives, { a: 1, b: 5 })).toMatchObject({ ok: false, changes: [] });
  });

  test("keep unknown properties where the schema allows them", () => {
    expect(repairArguments({ inputSchema: { type: "object" } }, { any: null })).toMatchObject({ args: { any: null } });
  });

  test("are valid whenever a repair says so, whatever was given", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("count", "force", "tags", "where", "note", "x"), fc.jsonValue()),
        (args) => {
          const repaired = repairArguments(spec, args);
          if (repaired.ok) expect(checkArguments(spec, repaired.args)).toMatchObject({ ok: true });
          if (checkArguments(spec, args).ok) expect(repaired.changes).toEqual([]);
        },
      ),
    );
  });
});

describe("a foreign schema", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["refers to another document", { $ref: "https://example.test/schema.json" }, /can't resolve reference/],
    ["refers to a file", { properties: { a: { $ref: "file:///etc/passwd" } } }, /can't resolve reference/],
    ["is no schema", { type: "objekt" }, /type must be/],
    ["has a broken pattern", { properties: { a: { pattern: "(" } } }, /regular expression|pattern/i],
    ["is too large", { description: "x".repeat(300_000) }, /at most 256000/],
  ])("that %s is a fault, not an exception", (_, schema, message) => {
    expect(checkSchema(schema, {})).toEqual([{ pointer: "", message: expect.stringMatching(message) as string }]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["draft-07", { $schema: "http://json-schema.org/draft-07/schema#", items: [{ type: "string" }], type: "array" }],
    ["2020-12", { $schema: "https://json-schema.org/draft/2020-12/schema", prefixItems: [{ type: "string" }] }],
    [
      "no draft, but unknown keywords and formats",
      { type: "array", "x-order": 1, format: "odd", items: { type: "string" } },
    ],
    ["a dialect of its own", { $schema: "https://example.test/dialect", prefixItems: [{ type: "string" }] }],
  ])("written for %s is understood", (_, schema) => {
    expect(checkSchema(schema, ["a"])).toEqual([]);
    expect(checkSchema(schema, [1])).toHaveLength(1);
  });

  test("may share its $id with another", () => {
    expect(checkSchema({ $id: "https://example.test/x", type: "string" }, "a")).toEqual([]);
    expect(checkSchema({ $id: "https://example.test/x", type: "number" }, "a")).toHaveLength(1);
  });

  test("whose pattern never ends on a text does not hold the worker up", () => {
    const schema = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
    const started = performance.now();
    expect(checkSchema(schema, { a: `${"a".repeat(60)}!` })[0]?.message).toMatch(/takes too long/);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(checkSchema(schema, { a: "aaa" })).toEqual([]);
  });

  test("whose choices double with every level of a value does not hold the worker up", () => {
    const choice = (key: string) => ({ required: [key], properties: { x: { $ref: "#/$defs/node" } } });
    const schema = { $defs: { node: { anyOf: [choice("y"), choice("z")] } }, $ref: "#/$defs/node" };
    let nested: object = {};
    for (let depth = 0; depth < 40; depth += 1) nested = { x: nested };
    expect(checkSchema(schema, nested)[0]?.message).toMatch(/takes too long/);
    expect(checkSchema(schema, { y: 1 })).toEqual([]);
  });

  test("is given up for all of an answer's parts together", () => {
    const choice = (key: string) => ({ required: [key], properties: { x: { $ref: "#/$defs/node" } } });
    const schema = { $defs: { node: { anyOf: [choice("y"), choice("z")] } }, $ref: "#/$defs/node" };
    const nested = `${'{"x":'.repeat(40)}{}${"}".repeat(40)}`;
    const answer = Array.from({ length: 40 }, () => ["```", nested, "```"].join("\n")).join("\n");
    const started = performance.now();
    expect(parseOutput(answer, schema, { repair: true })).toMatchObject({
      ok: false,
      faults: [{ message: expect.stringMatching(/takes too long/) as string }],
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("that wants items of a kind of their own does not hold the worker up", () => {
    const items = Array.from({ length: 50_000 }, (_, at) => ({ at }));
    expect(checkSchema({ type: "array", uniqueItems: true }, items)[0]?.message).toMatch(/takes too long/);
  });

  test("that refers to one definition everywhere is made ready once for all of them", () => {
    const fields = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`f${at}`, { type: "string" }]));
    const uses = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`u${at}`, { $ref: "#/$defs/all" }]));
    const schema = { $defs: { all: { type: "object", properties: fields } }, type: "object", properties: uses };
    expect(checkSchema(schema, { u1: { f1: "a" } })).toEqual([]);
    expect(checkSchema(schema, { u1: { f1: 1 } })).toMatchObject([{ pointer: "/u1/f1" }]);
  });

  test("that takes too long to make ready is a fault", () => {
    const parts = Array.from({ length: 2_500 }, (_, at) => ({ properties: { [`p${at}`]: {} } }));
    const schema = { type: "object", unevaluatedProperties: false, allOf: parts };
    expect(checkSchema(schema, {})[0]?.message).toMatch(/takes too long|call stack/);
  });

  test("that refers to itself refuses what is nested without end", () => {
    const schema = { $defs: { list: { type: "array", items: { $ref: "#/$defs/list" } } }, $ref: "#/$defs/list" };
    let nested: unknown = [];
    for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
    expect(checkSchema(schema, [[[]]])).toEqual([]);
    expect(checkSchema(schema, nested)[0]?.message).toMatch(/nested too deep/);
  });
});

describe("a final answer", () => {
  const schema = object({ verdict: { enum: ["pass", "fail"] }, count: { type: "integer" } }, { required: ["verdict"] });

  test.each<[string, string, string[]]>([
    ["plain JSON", '{"verdict":"pass"}', []],
    ["JSON in a fenced block", 'Here it is:\n```json\n{"verdict":"pass"}\n```\nDone.', ["fenced block"]],
    ["a block that never ends", '```json\n{"verdict":"pass"}', ["fenced block"]],
    ["the second block, when the first does not fit", '```\n{"a":1}\n```\n```\n{"verdict":"pass"}\n```', ["fenced"]],
    ["JSON amid prose", 'The result is {"verdict":"pass"} as you see.', ["amid other text"]],
    ["broken JSON", "{verdict: 'pass',}", ["mended"]],
    ["JSON that was cut off", '{"verdict":"pass"', ["mended"]],
    ["a string for a number", '{"verdict":"pass","count":"2"}', ["/count"]],
    ["broken JSON with a string for a number", "{verdict:'pass',count:'2'}", ["mended", "/count"]],
  ])("is read from %s when repairs are allowed, and says how", (_, text, repaired) => {
    const parsed = parseOutput(text, schema, { repair: true });
    expect(parsed).toMatchObject({ ok: true, value: { verdict: "pass" } });
    expect(parsed.ok ? parsed.repaired : []).toEqual(repaired.map((part) => expect.stringContaining(part) as string));
    expect(parseOutput(text, schema, { repair: false }).ok).toBe(repaired.length === 0);
  });

  test.each<[string, string]>([
    ["prose", "I could not do it."],
    ["nothing", ""],
    ["JSON that does not fit", '{"verdict":"maybe"}'],
    ["an empty block", "```\n```"],
    ["far too much text", `{"verdict":"pass","x":"${"x".repeat(2_000_001)}"}`],
  ])("is refused with a fault for %s", (_, text) => {
    const parsed = parseOutput(text, schema, { repair: true });
    expect(parsed.ok ? [] : parsed.faults).not.toEqual([]);
  });

  test("is never invented from prose where a string is wanted", () => {
    expect(parseOutput("I could not do it.", { type: "string" }, { repair: true })).toMatchObject({ ok: false });
  });

  test("of any text is read or refused, without an exception", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "`", "\n", "\\", "a", "1"),
          maxLength: 60,
        }),
        (text) => {
          const parsed = parseOutput(text, { type: "object" }, { repair: true });
          if (parsed.ok) expect(checkSchema({ type: "object" }, parsed.value)).toEqual([]);
        },
      ),
    );
  });
});
