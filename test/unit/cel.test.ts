import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRule, evaluateRule } from "../../core/cel/rule.ts";
import type { RuleVariables } from "../../core/cel/rule-types.ts";

const variables: RuleVariables = {
  tool: { name: "string", read_only: "bool", nested: { count: "int" } },
  args: "dyn",
  calls: "int",
  share: "double",
  paths: "list<string>",
};
const values = {
  tool: { name: "write_file", read_only: false, nested: { count: 3 } },
  args: { path: "src/a.ts", size: 5, list: [1, 2, 3], deep: { none: null }, flag: true },
  calls: 7,
  share: 70.5,
  paths: ["src/a.ts", "src/b.ts"],
};

function outcome(source: string): boolean | string {
  const compiled = compileRule(source, variables);
  if (!compiled.ok) return `${compiled.column}: ${compiled.message}`;
  const result = evaluateRule(compiled.rule, values);
  return result.ok ? result.value : result.message;
}

describe("a rule", () => {
  test.each<[string, boolean]>([
    ['tool.name == "write_file" && !tool.read_only', true],
    ["tool.nested.count + 1 == 4", true],
    ["calls < 8 && calls >= 7", true],
    ["share > 70 && share < 71.0", true],
    ['paths.all(p, p.startsWith("src/"))', true],
    ['paths.exists_one(p, p.endsWith("b.ts"))', true],
    ['"src/a.ts" in paths && size(paths) == 2', true],
    ['has(args.path) && args.path.contains("..")', false],
    ["has(args.deep.none) && args.deep.none == null", true],
    ["args.size == 5 && int(args.size) + 1 == 6", true],
    ["args.list.exists(x, x == 2)", true],
    ['tool.read_only ? true : tool.name.lowerAscii().trim() == "write_file"', true],
    ['args["path"] == "src/a.ts" || args.missing == 1', true],
    ["string(calls) == '7'", true],
  ])("%s is %j", (source, value) => {
    expect(outcome(source)).toBe(value);
  });

  test.each<[string, RegExp]>([
    ["args.missing == 1", /No such key: missing/],
    ["paths[9] == ''", /index out of bounds/],
    ["calls / 0 == 1", /division by zero/],
    ["args.size + 1 == 6", /no such overload/],
    ["args.__proto__ == 1", /No such key/],
    ["args.constructor == 1", /No such key/],
  ])("%s cannot be evaluated: an error, as a value", (source, message) => {
    expect(outcome(source)).toMatch(message);
  });

  test("says which variables it looks at", () => {
    const compiled = compileRule("paths.all(p, p != tool.name) || has(args.path)", variables);
    expect(compiled.ok && [...compiled.rule.uses].sort()).toEqual(["args", "paths", "tool"]);
  });
});

describe("a rule does not compile", () => {
  test.each<[string, string, RegExp]>([
    ["that is empty", " ", /^1: the rule is empty/],
    ["that is too long", `calls == 1 ${" ".repeat(1000)}`, /at most 1000/],
    ["of too many parts", Array.from({ length: 60 }, () => "calls == 1").join("||"), /maxAstNodes/],
    ["that is too deep", `${"!(".repeat(20)}true${")".repeat(20)}`, /maxDepth/],
    ["that breaks off", "calls ==", /^9: Unexpected token/],
    ["of the wrong type", "tool.read_only && tool.name == 3", /^19: no such overload: string == int/],
    ["that is no bool", "calls", /must be a bool, and this is int/],
    ["that may be no bool", "args.flag", /must be a bool, and this is dyn/],
    ["with an unknown variable", "tool.read_only && nope", /^19: there is no variable `nope`/],
    ["with an unknown field", "tool.nope == 1", /No such key: nope/],
    ["with an expensive method", 'tool.name.matches("(a+)+$")', /`matches` may not be used/],
    ["that makes lists", "paths.map(p, p) == paths", /`map` may not be used/],
    ["that makes maps", "{'a': 1} == {'a': 1}", /`map` may not be used/],
    ["that binds", "cel.bind(x, 1, x == 1)", /`bind` may not be used/],
    ["that knows time", 'timestamp("2026-01-01T00:00:00Z") == timestamp("2026-01-01T00:00:00Z")', /`timestamp`/],
    ["that asks for types", "type(calls) == int", /`type` may not be used/],
    ["with bytes", 'b"a" == b"a"', /bytes/],
    ["of nested quantifiers", "paths.all(p, paths.exists(q, q == p))", /inside another quantifier/],
    ["that looks at content for each part of content", "args.list.all(x, x in args.list)", /inside a quantifier/],
    ["that hides a variable", "paths.all(tool, tool != '')", /is a variable already/],
    ["whose quantifier has no condition", "paths.all(p)", /takes the name of a variable/],
  ])("%s", (_what, source, message) => {
    expect(outcome(source)).toMatch(message);
  });
});

test("no text whatever makes it throw, or be anything but a bool", () => {
  const word = fc.constantFrom(
    "tool",
    "args",
    ".name",
    ".path",
    "calls",
    "paths",
    "==",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "[0]",
    "1",
    "'a'",
    ".all(p, p == 'a')",
    "? true :",
    "has(args.path)",
    "in",
    "+",
    ".size()",
    "null",
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 9 }), fc.jsonValue(), (words, args) => {
      const compiled = compileRule(words.join(" "), variables);
      if (!compiled.ok) {
        expect(compiled.column).toBeGreaterThan(0);
        expect(compiled.message).not.toBe("");
        return;
      }
      const result = evaluateRule(compiled.rule, { ...values, args });
      expect(typeof (result.ok ? result.value : result.message)).toBe(result.ok ? "boolean" : "string");
    }),
    { numRuns: 2000 },
  );
});
