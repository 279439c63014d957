import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { loadDefinitions, parseDefinitions } from "../../contracts/agent-definition-file.ts";
import { controlPlaneTools } from "../../contracts/control-plane-tools.ts";

const folder = new URL("../../agents/", import.meta.url);
const shipped = readdirSync(folder).map((name) => ({ file: name, text: readFileSync(new URL(name, folder), "utf8") }));

const sound = {
  id: "scout",
  role: "scout",
  description: "Looks around",
  role_bindings: { scout: "claude-haiku-5-5" },
  instructions: "Look around.",
  tools: ["read_file", "docs__*"],
  constraints: [{ type: "read_only" }],
  input_schema: { type: "object" },
  output_schema: { type: "object", properties: { text: { type: "string" } }, additionalProperties: false },
  hooks_enabled: ["on_task_received", "before_tool", "on_terminate"],
};
const faultsOf = (more: object) => parseDefinitions(stringify({ ...sound, ...more }), "scout.yaml").faults;

describe("the definitions that come along", () => {
  test("are sound, together", () => {
    const { definitions, faults } = loadDefinitions(shipped);
    expect(faults).toEqual([]);
    expect(definitions.map(({ id }) => id)).toEqual(["executor", "orchestrator", "planner", "reviewer"]);
  });

  test("are as the documentation writes them", () => {
    const page = readFileSync(new URL("../../docs/agent-definitions.md", import.meta.url), "utf8");
    const [whole = "", ...parts] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = ""]) => text);
    expect(parts).toHaveLength(3);
    expect(parseDefinitions(whole, "docs.yaml").faults).toEqual([]);
    const base = parse(readFileSync(new URL("planner.yaml", folder), "utf8")) as object;
    for (const part of parts)
      expect(parseDefinitions(stringify({ ...base, ...(parse(part) as object) }), "docs.yaml").faults).toEqual([]);
  });

  test("leave the rest to defaults", () => {
    const { definitions } = parseDefinitions(stringify(sound), "scout.yaml");
    expect(definitions[0]).toMatchObject({
      delegates: [],
      hooks: {},
      hook_strictness: {
        schema_validation: "strict",
        budget_enforcement: "hard_cap",
        loop_detection: "circuit_breaker_3",
        coherence: "off",
      },
      budget: {},
      leases: { high: { seconds: 300, calls: 1 } },
      max_output_tokens: 8192,
    });
  });
});

describe("operations of the control plane in a definition", () => {
  test("are those that may be delegated; a read_only agent has the reads among them", () => {
    const all = [...controlPlaneTools.keys()];
    const kept = [...controlPlaneTools].filter(([, { kind }]) => kind === "read").map(([tool]) => tool);
    expect(all).toContain("credential_create");
    expect(kept).toContain("agent_list");
    expect(faultsOf({ tools: all, constraints: [] })).toEqual([]);
    expect(faultsOf({ tools: kept })).toEqual([]);
    expect(faultsOf({ tools: all })).toHaveLength(all.length - kept.length);
  });
});

const rule = (more: object) => ({ name: "own", rule: "tool.read_only", message: "No.", ...more });
const plan = (steps: object) => ({
  output_schema: { type: "object", properties: { steps }, additionalProperties: false },
});
const planSteps = {
  type: "array",
  items: { type: "object", additionalProperties: false, properties: { tool: {}, depends_on: {} } },
};

describe("a fault is named with its place and what would be valid", () => {
  test.each<[string, object, string, RegExp]>([
    ["an unknown key", { tolls: [] }, "tolls", /unknown key `tolls`; did you mean `tools`\?/],
    ["a key like no other", { zebra: 1 }, "zebra", /unknown key `zebra`; known are id, role/],
    ["an unknown key inside", { budget: { token: 5 } }, "budget.token", /did you mean `tokens`/],
    ["one in a constraint", { constraints: [{ type: "max_steps", vale: 3 }] }, "constraints[0].value", /missing/],
    ["an unknown hook point", { hooks: { before_tol: [] } }, "hooks.before_tol", /did you mean `before_tool`/],
    ["a missing field", { instructions: undefined }, "instructions", /`instructions` is missing/],
    ["a wrong type", { tools: "read_file" }, "tools", /must be a list, and is text/],
    ["nothing where a map must be", { input_schema: null }, "input_schema", /must be a map, and is empty/],
    ["a bad slug", { id: "Scout One" }, "id", /lower-case letters/],
    ["no id of a model", { role_bindings: { scout: "a model of mine" } }, "role_bindings.scout", /a model id/],
    ["a role without model", { role_bindings: { scot: "claude-haiku-5-5" } }, "role_bindings", /did you mean `scot`/],
    ["an unknown tool", { tools: ["reed_file"] }, "tools[0]", /there is no tool `reed_file`; did you mean `read_file`/],
    ["a pattern that is none", { tools: ["read_*"] }, "tools[0]", /server__\*/],
    ["a tool twice", { tools: ["read_file", "read_file"] }, "tools[1]", /twice/],
    ["a reader that writes", { tools: ["read_file", "write_file"] }, "tools[1]", /read_only/],
    [
      "commands beside a narrow path constraint",
      {
        constraints: [{ type: "path_constraint", paths: ["src"] }],
        tools: ["read_file", "execute_command"],
      },
      "tools[1]",
      /whole workspace/,
    ],
    [
      "an operation that only people carry out",
      { tools: ["user_create"] },
      "tools[0]",
      /`user_create` is for people only: no agent is given `user.create`. .* may use .*agent_create/,
    ],
    ["a read that no agent is given", { tools: ["audit_list"] }, "tools[0]", /`audit_list` is for people only/],
    ["an action on a run", { tools: ["approval_vote"] }, "tools[0]", /`approval_vote` is for people only/],
    ["a reader that creates agents", { tools: ["agent_create"] }, "tools[0]", /read_only/],
    ["delegate without delegates", { tools: ["delegate"], constraints: [] }, "tools[0]", /needs `delegates`/],
    ["an agent that starts itself", { delegates: ["scout"] }, "delegates[0]", /may not start itself/],
    [
      "an unknown constraint",
      { constraints: [{ type: "max_step", value: 3 }] },
      "constraints[0].type",
      /did you mean `max_steps`/,
    ],
    ["a constraint twice", { constraints: [{ type: "read_only" }, { type: "read_only" }] }, "constraints[1]", /twice/],
    [
      "no steps at all",
      { constraints: [{ type: "max_steps", value: 0 }] },
      "constraints[0].value",
      /`0` must be at least 1/,
    ],
    [
      "an absolute path",
      { constraints: [{ type: "path_constraint", paths: ["/etc"] }] },
      "constraints[0].paths[0]",
      /below the workspace/,
    ],
    [
      "a path upwards",
      { constraints: [{ type: "path_constraint", paths: ["src/../.."] }] },
      "constraints[0].paths[0]",
      /no \.\./,
    ],
    ["hooks out of order", { hooks_enabled: ["before_tool", "on_task_received"] }, "hooks_enabled[0]", /fixed order/],
    ["a hook twice", { hooks_enabled: ["before_tool", "before_tool"] }, "hooks_enabled[1]", /twice/],
    ["an unknown hook", { hooks_enabled: ["on_plann"] }, "hooks_enabled[0]", /did you mean `on_plan`/],
    ["on_plan without a plan", { hooks_enabled: ["on_plan"] }, "hooks_enabled[0]", /only where a plan comes out/],
    ["a planner without a plan", { role: "planner" }, "output_schema", /a planner's output is a plan/],
    ["a plan that nobody judges", plan(planSteps), "hooks_enabled", /enable `on_plan`/],
    ["a lease without end", { leases: { high: { seconds: 1e9, calls: 1 } } }, "leases.high.seconds", /at most 86400/],
    ["an open output", { output_schema: { type: "object" } }, "output_schema", /additionalProperties: false/],
    ["an output that is a list", { output_schema: { type: "array" } }, "output_schema", /type: object/],
    [
      "an open object in it",
      { output_schema: { type: "object", additionalProperties: false, properties: { a: { type: "object" } } } },
      "output_schema.properties.a",
      /additionalProperties/,
    ],
    ["a misspelt keyword", { input_schema: { type: "object", requird: [] } }, "input_schema.requird", /`required`/],
    [
      "a schema of no type there is",
      { input_schema: { type: "object", properties: { a: { type: "text" } } } },
      "input_schema.properties.a.type",
      /no JSON Schema/,
    ],
    ["a reference to nothing", { input_schema: { type: "object", $ref: "#/$defs/x" } }, "input_schema", /resolve/],
    [
      "a breaker at one",
      { hook_strictness: { loop_detection: "circuit_breaker_1" } },
      "hook_strictness.loop_detection",
      /N from 2 to 20/,
    ],
    [
      "a breaker at 21",
      { hook_strictness: { loop_detection: "circuit_breaker_21" } },
      "hook_strictness.loop_detection",
      /N from 2 to 20/,
    ],
    [
      "a rule of no type",
      { hooks: { before_tool: [rule({ rule: "tool.name == 1" })] } },
      "hooks.before_tool[0].rule",
      /string == int/,
    ],
    [
      "a rule that is no bool",
      { hooks: { before_tool: [rule({ rule: "tool.name" })] } },
      "hooks.before_tool[0].rule",
      /must be a bool/,
    ],
    [
      "a rule at a point that is off",
      { hooks: { after_tool: [rule({})] } },
      "hooks.after_tool",
      /not in hooks_enabled/,
    ],
    ["two of one name", { hooks: { before_tool: [rule({}), rule({})] } }, "hooks.before_tool[1].name", /two hooks/],
    [
      "a rule too late to refuse",
      { hooks: { on_terminate: [rule({ rule: "true" })] } },
      "hooks.on_terminate[0].on_violation",
      /only `warn`/,
    ],
    [
      "a webhook in clear text",
      { hooks: { before_tool: [{ name: "w", webhook: "http://x.test", secret_env: "S" }] } },
      "hooks.before_tool[0].webhook",
      /https/,
    ],
    [
      "a webhook without secret",
      { hooks: { before_tool: [{ name: "w", webhook: "https://x.test" }] } },
      "hooks.before_tool[0].secret_env",
      /missing/,
    ],
  ])("%s", (_what, more, path, message) => {
    const faults = faultsOf(more);
    expect(faults.map((fault) => fault.path)).toContain(path);
    expect(faults.find((fault) => fault.path === path)?.message).toMatch(message);
  });

  test("what is as it must be has none", () => {
    expect(faultsOf({})).toEqual([]);
    expect(
      faultsOf({
        role: "planner",
        role_bindings: { planner: "claude-x" },
        hooks_enabled: ["on_plan"],
        ...plan(planSteps),
      }),
    ).toEqual([]);
    expect(
      faultsOf({
        hooks: {
          before_tool: [
            rule({}),
            { name: "tell", webhook: "https://x.test/a", secret_env: "HOOK", timeout_seconds: 2 },
          ],
          on_terminate: [{ ...rule({ rule: "end.calls < 5" }), on_violation: "warn" }],
        },
      }),
    ).toEqual([]);
  });

  test("all of them at once, in the order of the file", () => {
    const faults = faultsOf({ id: "No", tools: ["reed_file", "write_file"], effort: "huge", extra: 1 });
    expect(faults.map(({ path }) => path)).toEqual(["id", "tools[0]", "tools[1]", "effort", "extra"]);
    expect(faults.map(({ line }) => line)).toEqual(faults.map(({ line }) => line).toSorted((a, b) => a - b));
  });
});

describe("places in the text", () => {
  const place = (text: string, path: string) => {
    const fault = parseDefinitions(text, "f.yaml").faults.find((one) => one.path === path);
    return fault === undefined ? undefined : [fault.line, fault.column];
  };

  test("a list item, a key, a missing field, an item behind an alias", () => {
    const text = 'id: a\ntools:\n  - read_file\n  - "nope"\nbudget: {token: 1}\nx: &list [No]\ndelegates: *list\n';
    expect(place(text, "tools[1]")).toEqual([4, 5]);
    expect(place(text, "budget.token")).toEqual([5, 10]);
    expect(place(text, "instructions")).toEqual([1, 1]);
    expect(place(text, "delegates[0]")).toEqual([6, 11]);
  });

  test("a fault in a rule is placed in the rule", () => {
    const text = `hooks:\n  before_tool:\n    - name: x\n      message: No.\n      rule: "tool.read_only && nope"\n`;
    expect(place(text, "hooks.before_tool[0].rule")).toEqual([5, 32]);
  });

  test("windows line ends count once", () => {
    expect(place("id: a\r\ntools:\r\n  - nope\r\n", "tools[0]")).toEqual([3, 5]);
  });
});

describe("what is no YAML for us", () => {
  const levels = ["a", "b", "c", "d", "e", "f", "g"];
  const nine = (index: number) => `[${Array.from({ length: 9 }, () => `*${levels[index] ?? ""}`).join(",")}]`;
  const bomb = `a: &a [x,x,x]\n${levels
    .slice(1)
    .map((name, index) => `${name}: &${name} ${nine(index)}\n`)
    .join("")}`;
  test.each<[string, string, number, RegExp]>([
    ["nothing", "", 1, /must be a definition/],
    ["a list", "- a\n", 1, /must be a definition/],
    ["broken quotes", 'id: a\nrole: "x\n', 3, /quote/],
    ["a key twice", "id: a\nrole: b\nid: c\n", 3, /unique/i],
    ["two documents", "id: a\n---\nid: b\n", 2, /document/],
    ["a tag", "id: !!js/function 'x'\n", 1, /tag/],
    ["a binary", "id: !!binary aGk=\n", 1, /tag/],
    ["aliases that multiply", bomb, 1, /alias/],
    ["an alias of nothing", "id: *x\n", 1, /alias/i],
    ["a file of a million characters", `id: ${"a".repeat(1_000_000)}\n`, 1, /1000000 characters/],
    ["a map without end", `${"{a: ".repeat(20_000)}\n`, 1, /YAML/],
  ])("%s", (_what, text, line, message) => {
    const { definitions, faults } = parseDefinitions(text, "f.yaml");
    expect(definitions).toEqual([]);
    expect(faults[0]).toMatchObject({ file: "f.yaml", line });
    expect(faults[0]?.message).toMatch(message);
  });

  test("no text whatever makes it throw", () => {
    const piece = fc.constantFrom(
      "id: a\n",
      "agents:\n",
      "  x:\n",
      "- ",
      "{",
      "]",
      "&a ",
      "*a",
      "<<: ",
      "__proto__: ",
      '"',
      "\t",
      "|\n",
      "\u{1f600}",
      "null\n",
      "tools: [1]\n",
      "hooks:\n  before_tool:\n    - {name: x, rule: '(', message: m}\n",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }), (pieces) => {
        const { faults } = loadDefinitions([{ file: "f", text: pieces.join("") }]);
        expect(faults.every(({ line, column }) => line > 0 && column > 0)).toBe(true);
        expect(faults.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("definitions together", () => {
  const named = (id: string, delegates: string[] = []) => ({
    file: `${id}.yaml`,
    text: stringify({ ...sound, id, delegates, constraints: [] }),
  });

  test("several stand in one file by their ids", () => {
    const { id: _, ...rest } = sound;
    const text = stringify({ agents: { one: rest, two: { ...sound, id: "two" }, three: { ...sound, id: "four" } } });
    const { definitions, faults } = parseDefinitions(text, "all.yaml");
    expect(definitions.map(({ id }) => id)).toEqual(["one", "two"]);
    expect(faults).toMatchObject([
      { path: "agents.three.id", message: "must be `three`, the name that it stands under" },
    ]);
  });

  test("an id is there once, a delegate is there", () => {
    const again = { ...named("a"), file: "z.yaml" };
    const { faults, definitions } = loadDefinitions([named("a", ["bob"]), named("bop"), again]);
    expect(faults).toMatchObject([
      { file: "a.yaml", path: "delegates[0]", message: "no agent `bob` is defined here; did you mean `bop`?" },
      { file: "z.yaml", line: 1, path: "id", message: "`a` is defined in a.yaml:1 already" },
    ]);
    expect(definitions.map(({ id }) => id)).toEqual(["bop"]);
  });

  test("a delegate whose own definition is at fault is there", () => {
    const broken = { file: "b.yaml", text: "id: b\n" };
    expect(loadDefinitions([named("a", ["b"]), broken]).faults.filter(({ file }) => file === "a.yaml")).toEqual([]);
  });

  test.each<[string, [string, string[]][], string[]]>([
    [
      "two",
      [
        ["a", ["b"]],
        ["b", ["a"]],
      ],
      ["delegation goes round: a → b → a"],
    ],
    [
      "three, with a way in",
      [
        ["x", ["a"]],
        ["a", ["b"]],
        ["b", ["c"]],
        ["c", ["a"]],
      ],
      ["delegation goes round: a → b → c → a"],
    ],
    [
      "none, though two lead to one",
      [
        ["a", ["b", "c"]],
        ["b", ["d"]],
        ["c", ["d"]],
        ["d", []],
      ],
      [],
    ],
  ])("delegation in a circle of %s", (_what, agents, messages) => {
    const { faults } = loadDefinitions(agents.map(([id, delegates]) => named(id, delegates)));
    expect(faults.map(({ message }) => message)).toEqual(messages);
  });
});
