import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type Anthropic from "@anthropic-ai/sdk";
import { createMessage, type ReplyBlock } from "../../claude/messages.ts";

type Json = Record<string, unknown>;
export type Call = (name: string, input: Json) => Promise<{ text: string; isError: boolean }>;

const schemas: Record<string, Json> = {
  orchestrator: object({ result: { type: "string" }, status: { enum: ["done", "refused", "failed"] } }),
  planner: object({
    steps: {
      type: "array",
      items: {
        ...object({
          step: { type: "integer", minimum: 1 },
          description: { type: "string" },
          tool: { type: "string" },
          args: { type: "object" },
          expected_output: { type: "string" },
          depends_on: { type: "array", items: { type: "integer" } },
        }),
        additionalProperties: true,
      },
    },
    reasoning: { type: "string" },
    risks: { type: "array", items: { type: "string" } },
  }),
  executor: object({
    status: { enum: ["success", "failed"] },
    steps: { type: "array", items: { type: "object" } },
    summary: { type: "string" },
  }),
  reviewer: object({
    findings: { type: "array", items: { type: "object" } },
    summary: { type: "string" },
    verdict: { enum: ["pass", "fail"] },
  }),
};

function object(properties: Json): Json {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

/** Runs one role in a loop until its final answer, as the runtime would. */
export async function runRole(
  client: Anthropic,
  role: string,
  input: Json,
  tools: string[],
  call: Call,
): Promise<Json> {
  const messages: Anthropic.MessageParam[] = [
    { role: "user", content: [{ type: "text", text: `<input>${JSON.stringify(input)}</input>` }] },
  ];
  for (let turn = 0; turn < 20; turn += 1) {
    const reply = await createMessage(client, {
      model: "claude-sonnet-5-5",
      max_tokens: 16_000,
      system: [{ type: "text", text: `Powerloom run · role: ${role} · agent: ${role}\n\nDo your work.` }],
      messages,
      tools: tools.map((name) => ({ name, input_schema: { type: "object" } })),
      output_config: { format: { type: "json_schema", schema: schemas[role] ?? {} } },
    });
    const uses = reply.content.filter(({ type }) => type === "tool_use");
    if (uses.length === 0) return JSON.parse(textOf(reply.content)) as Json;
    const content: Anthropic.ToolResultBlockParam[] = [];
    for (const use of uses) {
      const { text, isError } = await call(String(use["name"]), use["input"] as Json);
      content.push({
        type: "tool_result",
        tool_use_id: String(use["id"]),
        content: [{ type: "text", text }],
        is_error: isError,
      });
    }
    messages.push(
      { role: "assistant", content: reply.content as unknown as Anthropic.ContentBlockParam[] },
      { role: "user", content },
    );
  }
  throw new Error(`${role} does not come to an end`);
}

const textOf = (content: ReplyBlock[]): string =>
  content.flatMap((block) => (block.type === "text" ? [String(block["text"])] : [])).join("");

/** The workspace tools, on a real folder. */
export function toolsIn(root: string): Call {
  const result = (value: Json) => Promise.resolve({ text: JSON.stringify(value), isError: false });
  return (name, input) => {
    const path = typeof input["path"] === "string" ? input["path"] : ".";
    switch (name) {
      case "list_directory": {
        const entries = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => ({
          path: relative(root, join(entry.parentPath, entry.name)),
          type: entry.isDirectory() ? "directory" : "file",
          bytes: statSync(join(entry.parentPath, entry.name)).size,
        }));
        return result({ path, entries, truncated: false });
      }
      case "read_file": {
        try {
          const content = readFileSync(join(root, path), "utf8");
          return result({ path, content, total_lines: content.split("\n").length, truncated: false });
        } catch {
          return Promise.resolve({ text: `there is no file ${path}`, isError: true });
        }
      }
      case "write_file": {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), String(input["content"]));
        return result({ path, bytes: String(input["content"]).length, created: false });
      }
      case "execute_command": {
        const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined };
        const { status, stdout, stderr } = spawnSync("sh", ["-c", String(input["command"])], {
          cwd: root,
          encoding: "utf8",
          env: { ...env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` },
        });
        return result({ exit_code: status, stdout, stderr, duration_ms: 1, timed_out: false, truncated: false });
      }
      default:
        return Promise.resolve({ text: `no tool ${name}`, isError: true });
    }
  };
}
