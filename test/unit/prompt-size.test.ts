import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { promptSize } from "../../activities/runs/prompt-size.ts";
import { aroundBlock, buildRequest, mostTokens } from "../../activities/runs/request.ts";
import { agentDefinition } from "../../contracts/agent-definition.ts";
import type { MessageRow } from "../../db/queries/runs.ts";
import { countRequest } from "../../simulator/messages/request.ts";
import { inputTokens, textTokens } from "../../simulator/messages/tokens.ts";
import type { ToolSpec } from "../../tools/spec.ts";
import { listDirectorySpec, readFileSpec } from "../../tools/workspace/specs.ts";

const definition = agentDefinition.parse({
  id: "reader",
  role: "reader",
  description: "Reads files and says what is in them.",
  role_bindings: { reader: "claude-haiku-4-5" },
  instructions: "Read.",
  input_schema: { type: "object" },
  output_schema: { type: "object" },
  hooks_enabled: [],
});
const counted = (one: ReturnType<typeof request>): number => {
  const { max_tokens: _, metadata: __, ...rest } = one;
  return inputTokens(countRequest.parse(rest));
};
const run = { model_id: "claude-haiku-4-5", role_id: "reader", agent_id: "reader", root_run_id: "r" };

const request = (said: readonly MessageRow[], tools: readonly ToolSpec[] = [readFileSpec], finalOnly = false) =>
  buildRequest(run, definition, tools, said, { maxOutputTokens: 1_000, finalOnly });
const row = (role: "user" | "assistant", content: Record<string, unknown>[], left_out = false): MessageRow => ({
  position: "1",
  role,
  content,
  left_out,
});
const asked = row("user", [{ type: "text", text: "What does a.txt say?" }]);
const answered = row("assistant", [{ type: "tool_use", id: "toolu_1", name: "read_file", input: { path: "a.txt" } }]);
const result = (text: string) =>
  row("user", [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text }] }]);
const first = promptSize(request([asked]), [asked], null);
const last = { contextTokens: 500, prefixDigest: first.prefixDigest };

describe("the size of a prompt", () => {
  test("is not known before the first answer", () => {
    expect(first.promptTokens).toBeNull();
  });

  test("is that of the last call and of what was added", () => {
    const said = [asked, answered, result("four lines")];
    expect(promptSize(request(said), said, last).promptTokens).toBe(500 + mostTokens("four lines"));
  });

  test("counts bytes: a character may be more than one token", () => {
    const said = [asked, answered, result("日本"), row("user", [{ type: "text", text: "é" }])];
    expect(promptSize(request(said), said, last).promptTokens).toBe(500 + 6 + aroundBlock + 2 + aroundBlock);
  });

  test.each([
    ["a tool that was looked up meanwhile", [readFileSpec, listDirectorySpec], false, result("x")],
    ["no tool allowed any more", [readFileSpec], true, result("x")],
    ["an old result left out", [readFileSpec], false, row("user", result("x").content, true)],
  ] as const)("is not known with %s", (_, tools, finalOnly, added) => {
    const said = [asked, answered, added];
    expect(promptSize(request(said, tools, finalOnly), said, last).promptTokens).toBeNull();
  });

  test("is never less than what the provider counts", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 300 });
    const block = fc.oneof(
      text.map((words) => ({ type: "text", text: `.${words}` })),
      fc.record({ path: text }).map((input) => ({ type: "tool_use", id: "toolu_1", name: "read_file", input })),
    );
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 4 }),
        fc.array(text, { maxLength: 4 }),
        (blocks, added) => {
          const before = counted(request([asked]));
          const output = blocks.reduce(
            (sum, one) => sum + textTokens("text" in one ? one.text : JSON.stringify(one.input)),
            0,
          );
          const contextTokens = before + output + aroundBlock * blocks.length;
          const said = [asked, row("assistant", blocks), ...added.map((words) => result(words))];
          const { promptTokens } = promptSize(request(said), said, { ...last, contextTokens });
          expect(promptTokens).toBeGreaterThanOrEqual(counted(request(said)));
        },
      ),
    );
  });
});
