import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { reviewFile } from "../../simulator/messages/mind/review-rules.ts";
import type { Simulator } from "../../simulator/server.ts";
import { start } from "./harness.ts";
import { type Call, runRole, toolsIn } from "./run-tools.ts";

let simulator: Simulator;
let client: Anthropic;
const folders: string[] = [];
beforeAll(async () => {
  ({ simulator, client } = await start());
});
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(() => simulator.close());

type Json = Record<string, unknown>;
interface Step {
  step: number;
  tool: string;
  args: Json;
  expect?: { exit_code?: number };
  depends_on: number[];
}

const broken = {
  "package.json": JSON.stringify({ type: "module", scripts: { test: "node --test" } }),
  "src/basket.js":
    "export function basketTotal(lines) {\n  let total = 0;\n  for (let i = 1; i < lines.length; i += 1) {\n    total += lines[i].price * lines[i].count;\n  }\n  return total;\n}\n",
  "test/basket.test.js":
    'import { test } from "node:test";\nimport assert from "node:assert/strict";\nimport { basketTotal } from "../src/basket.js";\n\ntest("a basket adds up", () => {\n  assert.equal(basketTotal([{ price: 2, count: 3 }, { price: 5, count: 1 }]), 11);\n});\n\ntest("an empty basket costs nothing", () => {\n  assert.equal(basketTotal([]), 0);\n});\n',
};

function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "mind-"));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The whole run, with subagents, as the runtime would do it. */
async function run(
  folder: string,
  task: string,
  spoil: (agent: string, nth: number) => Json | undefined = () => undefined,
) {
  const tools = toolsIn(folder);
  const plans = new Map<string, Step[]>();
  const agents: string[] = [];
  const inputs: Json[] = [];
  const delegate: Call = async (_, call) => {
    const agent = String(call["agent"]);
    const input = call["input"] as Json;
    agents.push(agent);
    inputs.push(input);
    const id = `run-${agents.length}`;
    const finished = (output: unknown, more: Json = {}) => ({
      text: JSON.stringify({ run_id: id, agent, status: "completed", output, ...more }),
      isError: false,
    });
    const spoiled = spoil(agent, agents.filter((one) => one === agent).length);
    if (spoiled !== undefined) return finished(null, spoiled);
    if (agent === "planner") {
      const output = await runRole(client, "planner", input, ["list_directory", "read_file"], tools);
      plans.set(id, output["steps"] as Step[]);
      return finished(output);
    }
    if (agent === "reviewer") return finished(await runRole(client, "reviewer", input, ["read_file"], tools));
    for (const step of plans.get(String(input["plan"])) ?? []) {
      let met = false;
      const perform: Call = async (name, args) => {
        expect({ name, args }).toEqual({ name: step.tool, args: step.args });
        const result = await tools(name, args);
        met = step.expect === undefined || (JSON.parse(result.text) as Json)["exit_code"] === step.expect.exit_code;
        return result;
      };
      const output = await runRole(
        client,
        "executor",
        { step, plan: input["plan"], results: {} },
        [step.tool],
        perform,
      );
      // The role is asked again here although the runtime would be done: it can only say that it failed.
      expect(output["status"]).toBe("failed");
      if (!met) return finished(output);
    }
    return finished({ status: "success", steps: [], summary: "all steps done" });
  };
  const output = await runRole(client, "orchestrator", { task }, ["delegate"], delegate);
  return { output, agents, inputs, plans: [...plans.values()] };
}

describe("find and fix the failing test", () => {
  test("is planned, carried out, reviewed and reported", async () => {
    const folder = folderWith(broken);
    const { output, agents, inputs, plans } = await run(folder, "Find and fix the failing test in this project.");
    expect(output, JSON.stringify(output)).toMatchObject({ status: "done" });
    expect(agents).toEqual(["planner", "executor", "reviewer"]);
    expect(inputs[1]).toEqual({ plan: "run-1" });
    expect(inputs[2]).toMatchObject({ file_paths: ["src/basket.js"] });
    expect(plans[0]?.map(({ tool }) => tool)).toEqual([
      "execute_command",
      "read_file",
      "read_file",
      "write_file",
      "execute_command",
      "read_file",
    ]);
    expect(plans[0]?.[0]?.args).toEqual({ command: "node --test" });
    expect(readFileSync(join(folder, "src/basket.js"), "utf8")).toBe(
      broken["src/basket.js"].replace("let i = 1", "let i = 0"),
    );
  });

  test("is planned once more with what went wrong, and then given up", async () => {
    const failed = { status: "failed", reason: "step 4 was denied" };
    const once = await run(folderWith(broken), "please fix the broken tests", (agent, nth) =>
      agent === "executor" && nth === 1 ? failed : undefined,
    );
    expect(once.agents).toEqual(["planner", "executor", "planner", "executor", "reviewer"]);
    expect(once.inputs[2]?.["context"]).toContain("step 4 was denied");
    const always = await run(folderWith(broken), "please fix the broken tests", (agent) =>
      agent === "executor" ? failed : undefined,
    );
    expect(always.agents).toEqual(["planner", "executor", "planner", "executor"]);
    expect(always.output).toMatchObject({ status: "failed", result: expect.stringContaining("step 4 was denied") });
  });

  test("is given up when no small change helps", async () => {
    const files = { ...broken, "src/basket.js": 'export function basketTotal() {\n  return "what?";\n}\n' };
    const { output, agents } = await run(folderWith(files), "Fix the failing test.");
    expect(agents).toEqual(["planner"]);
    expect(output).toMatchObject({ status: "failed", result: expect.stringContaining("No plan was found") });
  });

  test("is all that it does", async () => {
    const { output, agents } = await run(folderWith(broken), "Write a poem about the sea.");
    expect(agents).toEqual([]);
    expect(output).toMatchObject({ status: "refused", result: expect.stringContaining("failing node:test test") });
  });
});

describe("the reviewer", () => {
  test.each<[string, string, string[]]>([
    ["a query in a loop", "for (const id of ids) {\n  rows.push(await db.query(sql, [id]));\n}\n", ["2 n_plus_one"]],
    ["a query per item of a map", "await Promise.all(ids.map((id) => users.findOne(id)));\n", ["1 n_plus_one"]],
    ["a query whose rows are looped over", "for (const row of await db.query(all)) {\n  use(row);\n}\n", []],
    ["a query after a loop", "for (const id of ids) use(id);\nawait db.query(all);\n", []],
    ["SQL from text", `db.query(\`select * from users where id = \${id}\`);\n`, ["1 security"]],
    ["SQL with parameters", 'db.query("select * from users where id = $1", [id]);\n', []],
    ["eval", "return eval(text);\n", ["1 security"]],
    ["a shell command from text", `execSync(\`rm -r \${folder}\`);\n`, ["1 security"]],
    ["a secret", 'const apiKey = "abcd1234efgh";\n', ["1 security"]],
    ["a secret from the environment", 'const apiKey = process.env["API_KEY"];\n', []],
    ["a comment about eval(", "// never use eval(text)\n", []],
    ["clean code", broken["src/basket.js"], []],
  ])("on %s", (_, source, expected) => {
    expect(reviewFile("a.js", source).map(({ line, category }) => `${line} ${category}`)).toEqual(expected);
  });

  test("fails what it finds bad, and names the criteria it has no rule for", async () => {
    const folder = folderWith({ "a.js": "eval(x);\n" });
    const input = { file_paths: ["a.js", "missing.js"], criteria: ["security", "is beautiful"] };
    const output = await runRole(client, "reviewer", input, ["read_file"], toolsIn(folder));
    expect(output).toMatchObject({ verdict: "fail", summary: expect.stringContaining("is beautiful") });
    expect(output["findings"]).toHaveLength(2);
  });
});

describe("the built-in mind", () => {
  test("fits any schema, whatever the role", async () => {
    const schema = {
      type: "object",
      properties: {
        summary: { type: "string", maxLength: 20 },
        score: { type: "integer", minimum: 3 },
        kind: { $ref: "#/$defs/kind" },
        list: { type: "array", minItems: 2, items: { anyOf: [{ type: "boolean" }, { type: "null" }] } },
      },
      required: ["summary", "score", "kind", "list"],
      additionalProperties: false,
      $defs: { kind: { enum: ["a", "b"] } },
    };
    const message = await client.messages.create({
      model: "claude-opus-5-5",
      max_tokens: 500,
      system: "role: poet",
      messages: [{ role: "user", content: "<input>{}</input>" }],
      output_config: { format: { type: "json_schema", schema } },
    });
    const [block] = message.content;
    expect(JSON.parse(block?.type === "text" ? block.text : "")).toMatchObject({
      score: 3,
      kind: "a",
      list: [false, false],
    });
  });

  test("says what it is when it is asked anything else", async () => {
    const message = await client.messages.create({
      model: "claude-haiku-5-5",
      max_tokens: 500,
      messages: [{ role: "user", content: "Who are you?" }],
    });
    expect(message.content).toMatchObject([{ type: "text", text: expect.stringContaining("not a language model") }]);
  });
});
