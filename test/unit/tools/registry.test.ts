import { describe, expect, test } from "vitest";
import { createRegistry } from "../../../tools/registry.ts";
import { executeCommandSpec } from "../../../tools/sandbox/execute-command.ts";
import type { ToolSpec } from "../../../tools/spec.ts";
import { checkSchema } from "../../../tools/validate.ts";
import { listDirectorySpec, readFileSpec, writeFileSpec } from "../../../tools/workspace/specs.ts";

const workspaceTools = [readFileSpec, writeFileSpec, listDirectorySpec, executeCommandSpec];
const foreign = (name: string, summary: string): ToolSpec => ({
  ...readFileSpec,
  name,
  summary,
  description: summary,
  inputSchema: { type: "object" },
  bootstrap: false,
  source: { kind: "mcp", server: "tracker", tool: name },
});

describe("the registry of tools", () => {
  const registry = createRegistry([
    ...workspaceTools,
    foreign("tracker__create_ticket", "Create a ticket in the tracker."),
    foreign("tracker__read_ticket", "Read a ticket."),
  ]);

  test("knows tools by name, and nothing that only looks like one", () => {
    expect(registry.get("read_file")).toBe(readFileSpec);
    expect(registry.has("tracker__read_ticket")).toBe(true);
    for (const name of ["readfile", "__proto__", "constructor", ""]) {
      expect(registry.has(name)).toBe(false);
      expect(registry.minimal(name)).toBeUndefined();
      expect(registry.full(name)).toBeUndefined();
    }
  });

  test("offers the bootstrap tools in the order given", () => {
    expect(registry.bootstrap().map(({ name }) => name)).toEqual(["read_file", "list_directory", "execute_command"]);
  });

  test.each<[string, string[]]>([
    ["read_file", ["read_file", "tracker__read_ticket", "write_file"]],
    ["ticket", ["tracker__create_ticket", "tracker__read_ticket"]],
    ["create a ticket", ["tracker__create_ticket", "tracker__read_ticket"]],
    ["shell", ["execute_command"]],
    ["tick", ["tracker__create_ticket", "tracker__read_ticket"]],
    ["quantum", []],
    ["", []],
  ])("finds for %j first what fits best", (query, first) => {
    const found = registry.search(query, 50).map(({ name }) => name);
    expect(found.slice(0, first.length)).toEqual(first);
    if (first.length === 0) expect(found).toEqual([]);
  });

  test("gives the same ranking whatever the order of tools, and no more than asked for", () => {
    const backwards = createRegistry([...workspaceTools].reverse());
    const forwards = createRegistry(workspaceTools);
    for (const query of ["file", "workspace", "read text", "directory"]) {
      expect(backwards.search(query, 10)).toEqual(forwards.search(query, 10));
      expect(forwards.search(query, 1)).toHaveLength(1);
    }
  });

  test("refuses two tools of one name and says where they come from", () => {
    expect(() => createRegistry([readFileSpec, foreign("read_file", "Mine.")])).toThrow(
      /two tools are called read_file \(workspace and MCP server tracker\)/,
    );
  });

  test("tells the least and all about a tool", () => {
    expect(registry.minimal("write_file")).toEqual({
      name: "write_file",
      summary: writeFileSpec.summary,
      required: ["path", "content"],
    });
    expect(registry.full("execute_command")).toMatchObject({ risk: "high", read_only: false });
    expect(registry.summaries()[0]).toEqual({
      name: "read_file",
      summary: readFileSpec.summary,
      risk: "low",
      read_only: true,
    });
  });

  test.each(workspaceTools.map((spec) => [spec.name, spec] as const))("%s has schemas that compile", (_, spec) => {
    const badSchema = /schema itself/;
    for (const schema of [spec.inputSchema, spec.outputSchema ?? {}])
      expect(JSON.stringify(checkSchema(schema, {}))).not.toMatch(badSchema);
    expect(spec.summary).not.toMatch(/\n/);
  });
});
