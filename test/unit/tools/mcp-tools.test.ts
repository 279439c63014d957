import { array, assert as check, constantFrom, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { resultText } from "../../../tools/mcp/result-text.ts";
import { namesInRuns } from "../../../tools/mcp/tool-names.ts";
import { type ListedTool, specOf } from "../../../tools/mcp/tool-spec.ts";

describe("names of a server's tools in runs", () => {
  test.each<[string, string[], (string | RegExp)[]]>([
    ["stay when they fit", ["get", "Get-2_x"], ["s__get", "s__Get-2_x"]],
    ["lose characters that models cannot be offered", ["issues.get", "a/b"], ["s__issues_get", "s__a_b"]],
    [
      "differ by a digest where they would be the same",
      ["a.b", "a/b"],
      [/^s__a_b_[0-9a-f]{8}$/, /^s__a_b_[0-9a-f]{8}$/],
    ],
    ["leave a name to the tool that has it", ["a.b", "a_b"], [/^s__a_b_[0-9a-f]{8}$/, "s__a_b"]],
    ["are cut, with a digest", ["x".repeat(80)], [/^s__x{52}_[0-9a-f]{8}$/]],
  ])("%s", (_, tools, expected) => {
    const names = namesInRuns("s", tools);
    expect(tools.map((tool) => names.get(tool))).toEqual(
      expected.map((one) => (typeof one === "string" ? one : expect.stringMatching(one))),
    );
  });

  test("are valid, one for each tool, and the same in any order", () => {
    const name = string({ unit: constantFrom("a", "b", ".", "/", "_", "é"), minLength: 1, maxLength: 90 });
    check(
      property(array(name, { maxLength: 30 }), (tools) => {
        const names = namesInRuns("tracker", tools);
        expect([...names.keys()].sort()).toEqual([...new Set(tools)].sort());
        expect(new Set(names.values()).size).toBe(names.size);
        for (const given of names.values()) expect(given).toMatch(/^tracker__[a-zA-Z0-9_-]{1,55}$/);
        expect(namesInRuns("tracker", tools.toReversed())).toEqual(names);
      }),
    );
  });
});

describe("what a run makes of a listed tool", () => {
  const server = { id: "registration", name: "tracker" };
  const tool = (fields: Partial<ListedTool> = {}): ListedTool => ({
    name: "get.issue",
    description: "Gets an issue\nand more",
    inputSchema: { type: "object" },
    ...fields,
  });
  const made = (fields: Partial<ListedTool>) => specOf(server, tool(fields), "tracker__get_issue");

  test("keeps the tool's own name, and never believes that it only reads", () => {
    expect(made({ annotations: { readOnlyHint: true } })).toEqual({
      ok: true,
      spec: {
        name: "tracker__get_issue",
        summary: "Gets an issue",
        description: "A tool of the MCP server tracker. What the server says about it:\nGets an issue\nand more",
        inputSchema: { type: "object" },
        outputSchema: null,
        risk: "medium",
        readOnly: false,
        bootstrap: false,
        source: { kind: "mcp", server: "registration", tool: "get.issue" },
      },
    });
  });

  test.each<[ListedTool["annotations"], string]>([
    [undefined, "high"],
    [{}, "high"],
    [{ destructiveHint: true }, "high"],
    [{ destructiveHint: false }, "medium"],
    [{ readOnlyHint: true }, "medium"],
    [{ readOnlyHint: true, destructiveHint: true }, "high"],
  ])("with the annotations %j is of risk %s", (annotations, risk) => {
    expect(made({ annotations })).toMatchObject({ ok: true, spec: { risk, readOnly: false } });
  });

  test("bounds what the server says, and takes out what would disguise it", () => {
    const outcome = made({ description: `\u202eevil\u0000 ${"x".repeat(10_000)}` });
    expect(outcome).toMatchObject({ ok: true });
    const { description, summary } = outcome.ok ? outcome.spec : { description: "", summary: "" };
    expect(description).toMatch(/:\nevil x+…$/);
    expect(description.length).toBeLessThan(4_200);
    expect(summary.length).toBe(200);
  });

  test.each<[string, Partial<ListedTool>, string]>([
    ["a schema that does not compile", { inputSchema: { type: "object", required: "a" } }, "cannot be used"],
    [
      "a schema that refers elsewhere",
      { inputSchema: { type: "object", properties: { a: { $ref: "https://x.test/s" } } } },
      "cannot be used",
    ],
    ["no object", { inputSchema: { type: "array" } }, "takes an object"],
    ["a choice at the root", { inputSchema: { type: "object", anyOf: [{}] } }, "anyOf"],
    ["a property of an odd name", { inputSchema: { type: "object", properties: { "a b": {} } } }, '"a b"'],
    ["a schema that is too large", { inputSchema: { type: "object", description: "x".repeat(66_000) } }, "65536 bytes"],
    ["a name of control characters", { name: "a\u0007" }, "control characters"],
    ["a name that is too long", { name: "a".repeat(300) }, "256 characters"],
  ])("leaves one out that has %s", (_, fields, reason) => {
    expect(made(fields)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  test("does without an output schema that cannot be used", () => {
    expect(made({ outputSchema: { type: 7 } })).toMatchObject({ ok: true, spec: { outputSchema: null } });
    expect(made({ outputSchema: { type: "object" } })).toMatchObject({ spec: { outputSchema: { type: "object" } } });
  });
});

describe("a call's result as text", () => {
  test.each<[string, Parameters<typeof resultText>[0], ReturnType<typeof resultText>]>([
    [
      "texts",
      {
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { text: "a\nb", error: false },
    ],
    [
      "structured before texts",
      { content: [{ type: "text", text: "a" }], structuredContent: { n: 1 } },
      { text: '{"n":1}', error: false },
    ],
    ["an error", { content: [{ type: "text", text: "no" }], isError: true }, { text: "no", error: true }],
    [
      "a picture, a link and files",
      {
        content: [
          { type: "image", mimeType: "image/png", data: "AAAA" },
          { type: "resource_link", uri: "file:///a", name: "a" },
          { type: "resource", resource: { uri: "file:///b", text: "of b" } },
          { type: "resource", resource: { uri: "file:///c", mimeType: "x/y", blob: "AAAAAAAA" } },
          { type: "hologram" },
        ],
      },
      {
        text: "[image: image/png, 3 bytes, left out]\n[resource: file:///a]\n[resource: file:///b]\nof b\n[resource: file:///c, x/y, 6 bytes, left out]\n[hologram: left out]",
        error: false,
      },
    ],
    ["nothing", {}, { text: "", error: false }],
  ])("%s", (_, answer, expected) => {
    expect(resultText(answer, false)).toEqual(expected);
  });

  test("is cut when it is too long: an error where it has to fit a schema", () => {
    const huge = { content: [{ type: "text", text: "x".repeat(1_000_000) }] };
    const { text, error } = resultText(huge, false);
    expect(text).toMatch(
      /^The call was carried out\. Its result has 1000000 characters; these are the first 256000:\nx+$/,
    );
    expect([text.length < 257_000, error]).toEqual([true, false]);
    expect(resultText({ structuredContent: { a: "x".repeat(300_000) } }, true).error).toBe(true);
  });
});
