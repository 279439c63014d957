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
    expect(stdout).toContain(`✓ Intact: 5 entries, head ${head.hash}\n`);
    expect(stdout).toContain("rewritten and hashed anew, added, or cut off together with the head would not show");
  });

  test("the verdict as JSON has the form of the API's", async () => {
    const { stdout } = await verify(exportOf(entries, head), "--json");
    expect(JSON.parse(stdout)).toEqual({
      intact: true,
      entries: 5,
      position: null,
      reason: null,
      head: head.hash,
      unseen: expect.stringContaining("compared with itself alone"),
    });
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

  test("what the columns of an entry say besides is compared with what was hashed", async () => {
    const { code, stdout } = await verify(exportOf(changed(2, { differing: ["at", "entry"] }), head));
    expect(code).toBe(1);
    expect(stdout).toContain("✗ Broken at position 3:");
    expect(stdout).toContain("at, entry");
  });

  test("a file that is not there is wrong usage", async () => {
    expect((await powerloom(["audit", "verify", join(emptyHome(), "none")])).code).toBe(2);
  });
});

describe("a checkpoint noted elsewhere", () => {
  const at = (position: number) => `${position}:${entries[position - 1]?.hash}`;
  const rewritten = () => {
    const last = { ...(entries[4] as ChainEntry), body: '{"operation":"agent.delete"}' };
    const tail = { ...last, hash: hashEntry(last) };
    return exportOf([...entries.slice(0, 4), tail], { position: 5, hash: tail.hash });
  };

  test("is printed of a chain that is intact, and covers it", async () => {
    const file = join(emptyHome(), "audit.jsonl");
    writeFileSync(file, exportOf(entries, head));
    const { code, stdout } = await powerloom(["audit", "checkpoint", file]);
    expect([code, stdout]).toEqual([0, `${at(5)}\n`]);
    expect((await verify(exportOf(entries, head), "--checkpoint", at(5))).stdout).toBe(
      `✓ Intact: 5 entries, head ${head.hash}\n`,
    );
    expect((await verify(exportOf(entries, head), "--checkpoint", at(3))).stdout).toContain("entries after 3 that");
  });

  test("is not printed of a broken one", async () => {
    const file = join(emptyHome(), "audit.jsonl");
    writeFileSync(file, exportOf(entries.toSpliced(1, 1), head));
    const { code, stdout } = await powerloom(["audit", "checkpoint", file]);
    expect(code).toBe(1);
    expect(stdout).toContain("✗ Broken at position 2:");
  });

  test("shows a tail that was hashed anew, or cut off with its head: nothing else does", async () => {
    const cut = exportOf(entries.slice(0, 3), { position: 3, hash: entries[2]?.hash });
    for (const [text, position] of [
      [rewritten(), 5],
      [cut, 4],
    ] as const) {
      expect((await verify(text)).code).toBe(0);
      const { code, stdout } = await verify(text, "--checkpoint", at(5), "--json");
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ intact: false, position });
    }
  });

  test("that is none is wrong usage", async () => {
    const { code, stderr } = await verify(exportOf(entries, head), "--checkpoint", "5");
    expect(code).toBe(2);
    expect(stderr).toContain("<position>:<hash>");
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
