import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ChainEntry, genesisHash, hashEntry } from "../../core/audit/chain.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { recordingApi } from "./recording-api.ts";
import { emptyHome, powerloom } from "./terminal.ts";

function chainOf(length: number): ChainEntry[] {
  const entries: ChainEntry[] = [];
  let previous = genesisHash;
  for (let position = 1; position <= length; position += 1) {
    // A line separator inside a body is no line break of the export.
    const body = canonicalJson({ operation: "agent.create", detail: { text: `ä\u2028\u2029${position}` } });
    const entry = { organisation: "org", position, at: `2026-11-01T08:00:0${position}Z`, body, previous };
    previous = hashEntry(entry);
    entries.push({ ...entry, hash: previous });
  }
  return entries;
}

function exportOf(entries: readonly unknown[], head: unknown): string {
  return `${[...entries, ...(head === undefined ? [] : [{ head }])].map((line) => JSON.stringify(line)).join("\n")}\n`;
}

const entries = chainOf(5);
const head = { position: 5, hash: entries[4]?.hash };

async function verify(text: string, ...more: string[]) {
  const file = join(emptyHome(), "audit.jsonl");
  writeFileSync(file, text);
  // No API: offline means offline.
  return powerloom(["audit", "verify", file, "--api", "http://127.0.0.1:1", ...more]);
}

describe("an export is verified without any server", () => {
  test("a whole chain is intact", async () => {
    const { code, stdout } = await verify(exportOf(entries, head));
    expect(code).toBe(0);
    expect(stdout).toBe(`✓ Intact: 5 entries, head ${head.hash}\n`);
  });

  test("the verdict as JSON has the form of the API's", async () => {
    const { stdout } = await verify(exportOf(entries, head), "--json");
    expect(JSON.parse(stdout)).toEqual({ intact: true, entries: 5, position: null, reason: null, head: head.hash });
  });

  const changed = (at: number, change: Partial<ChainEntry>) =>
    entries.map((entry, index) => (index === at ? { ...entry, ...change } : entry));
  test.each([
    ["an edited body", exportOf(changed(2, { body: '{"operation":"agent.delete"}' }), head), 3],
    ["an edited time", exportOf(changed(1, { at: "2020-01-01T00:00:00Z" }), head), 2],
    ["an edited hash", exportOf(changed(0, { hash: "0".repeat(64) }), head), 1],
    ["a missing entry", exportOf(entries.toSpliced(1, 1), head), 2],
    ["a moved entry", exportOf([...entries.slice(0, 2), ...entries.slice(2).toReversed()], head), 3],
    ["a cut-off tail", exportOf(entries.slice(0, 3), head), 4],
    ["a rewritten tail", exportOf(entries, { ...head, hash: "f".repeat(64) }), 5],
    ["a line that is no entry", `${exportOf(entries.slice(0, 2), undefined)}nonsense\n`, 3],
    ["an entry after the head", exportOf(entries, head) + exportOf([entries[0]], undefined), 6],
  ])("%s is found at its position", async (_what, text, position) => {
    const { code, stdout } = await verify(text, "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ intact: false, position, head: null });
    expect((await verify(text)).stdout).toContain(`✗ Broken at position ${position}:`);
  });

  test("without a head it is said what cannot be seen", async () => {
    const { code, stdout } = await verify(exportOf(entries, undefined));
    expect(code).toBe(0);
    expect(stdout).toContain("a tail that was cut off would not show");
  });

  test("a file that is not there is wrong usage", async () => {
    expect((await powerloom(["audit", "verify", join(emptyHome(), "none")])).code).toBe(2);
  });
});

describe("against an API", () => {
  test("an export is copied unchanged, to stdout or a file, and verifies", async () => {
    const text = exportOf(entries, head);
    const api = await recordingApi(() => ({ text }));
    expect(await powerloom(["audit", "export", "--api", api.url])).toEqual({ code: 0, stdout: text, stderr: "" });
    const file = join(emptyHome(), "out.jsonl");
    const { stdout } = await powerloom(["audit", "export", "--api", api.url, "--out", file, "--json"]);
    expect(JSON.parse(stdout)).toEqual({ file, entries: 5 });
    expect(readFileSync(file, "utf8")).toBe(text);
    await api.close();
  });

  test("an export that breaks off leaves no file", async () => {
    const api = await recordingApi(() => ({ text: exportOf(entries, undefined) }));
    const file = join(emptyHome(), "out.jsonl");
    expect((await powerloom(["audit", "export", "--api", api.url, "--out", file])).code).toBe(1);
    expect([existsSync(file), existsSync(`${file}.partial`)]).toEqual([false, false]);
    await api.close();
  });

  test("without a file the API is asked, and a broken chain ends with 1", async () => {
    const verdict = { intact: false, entries: 6, position: 7, reason: "the entry does not match", head: null };
    const api = await recordingApi(() => ({ body: verdict }));
    const { code, stdout } = await powerloom(["audit", "verify", "--api", api.url]);
    expect(code).toBe(1);
    expect(stdout).toContain("Broken at position 7");
    expect(api.requests[0]?.path).toBe("/audit/verify");
    await api.close();
  });
});
