import { expect, test } from "vitest";
import { summaryOf } from "../../activities/runs/record.ts";
import { storableJson } from "../../db/storable.ts";
import { contextHash, contextKey } from "../../tools/context-key.ts";

test("JSON is written as it is, but for what jsonb cannot hold", () => {
  const at = new Date(0);
  expect(storableJson({ text: "größe 😀 \\ud83d \n", at })).toBe(JSON.stringify({ text: "größe 😀 \\ud83d \n", at }));
  expect(JSON.parse(storableJson({ "a\0": ["\ud83d", "😀", "\udc00x"], at }))).toEqual({
    "a\ufffd": ["\ufffd", "😀", "\ufffdx"],
    at: at.toISOString(),
  });
});

test("a text that is cut in the middle of a character is still text", () => {
  expect(summaryOf(`${"x".repeat(198)}😀 and more`)).toBe(`${"x".repeat(198)}\ufffd…`);
  const key = contextKey("execute_command", { command: `${"x".repeat(199)}😀${"y".repeat(2_000)}` });
  expect(key).toMatchObject({ begins: `${"x".repeat(199)}\ufffd` });
  expect(contextHash("agent", "execute_command", key)).toMatch(/^[0-9a-f]{64}$/);
});
