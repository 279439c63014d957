import { describe, expect, test } from "vitest";
import { type ContextKey, contextHash, contextKey } from "../../../tools/context-key.ts";

describe("what an elevation covers", () => {
  test.each<[string, unknown, ContextKey]>([
    ["write_file", { path: "src/a.ts", content: "x" }, { directory: "src" }],
    ["write_file", { path: "./src//b/../a.ts", content: "y" }, { directory: "src" }],
    ["write_file", { path: "/workspace/src/a.ts" }, { directory: "src" }],
    ["write_file", { path: "a.ts" }, { directory: "." }],
    ["read_file", { path: "src/deep/a.ts" }, { directory: "src/deep" }],
    ["read_file", { path: "../../etc/passwd" }, { directory: "/etc" }],
    ["read_file", { path: "/etc/passwd" }, { directory: "/etc" }],
    ["list_directory", { path: "src/" }, { directory: "src" }],
    ["list_directory", {}, { directory: "." }],
    ["execute_command", { command: "  npm test\n", timeout_seconds: 5 }, { command: "npm test" }],
    ["execute_command", { command: 'rm "a  b"' }, { command: 'rm "a  b"' }],
    ["execute_command", { command: "rm a\\ " }, { command: "rm a\\ " }],
    ["agent_create", { name: "a", ou: "/acme" }, { arguments: { name: "a", ou: "/acme" } }],
    ["tracker__list", undefined, { arguments: {} }],
  ])("by %s with %j", (tool, args, key) => {
    expect(contextKey(tool, args)).toEqual(key);
  });

  test("stays short, and still tells long values apart by every character", () => {
    const long = "x".repeat(50_000);
    for (const [tool, name] of [
      ["execute_command", "command"],
      ["tracker__note", "text"],
    ] as const) {
      const one = contextKey(tool, { [name]: `${long}1` });
      expect(JSON.stringify(one).length).toBeLessThan(500);
      expect(one).not.toEqual(contextKey(tool, { [name]: `${long}2` }));
    }
  });

  test("is hashed over agent, tool and key, whatever the order of members", () => {
    const one = contextHash("a1", "tracker__note", contextKey("tracker__note", { a: 1, b: { c: 2, d: 3 } }));
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(contextHash("a1", "tracker__note", contextKey("tracker__note", { b: { d: 3, c: 2 }, a: 1 }))).toBe(one);
    expect(contextHash("a2", "tracker__note", { arguments: { a: 1, b: { c: 2, d: 3 } } })).not.toBe(one);
    expect(contextHash("a1", "tracker__other", { arguments: { a: 1, b: { c: 2, d: 3 } } })).not.toBe(one);
    expect(contextHash("a1", "write_file", { directory: "src" })).not.toBe(
      contextHash("a1", "write_file", { directory: "." }),
    );
  });
});
