import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collectFolder } from "../../cli/run/folder.ts";
import { type RunFile, writeBack } from "../../cli/run/write-back.ts";

let base: string;
let root: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "powerloom-run-"));
  root = join(base, "folder");
  await mkdir(root);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const put = async (path: string, content: string | Buffer) => {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), content);
};
const read = (path: string) => readFile(join(root, path), "utf8");

describe("collecting a folder", () => {
  test("takes text as it is and everything else as base64", async () => {
    const binary = Buffer.from([0xff, 0xfe, 0x00, 0x41]);
    await put("src/a.ts", "const größe = 1;\n");
    await put("logo.png", binary);
    await put("nul.txt", "a\0b");
    const { files, leftOut } = await collectFolder(root, 0);
    expect(files).toEqual([
      { path: "logo.png", content: binary.toString("base64"), encoding: "base64" },
      { path: "nul.txt", content: Buffer.from("a\0b").toString("base64"), encoding: "base64" },
      { path: "src/a.ts", content: "const größe = 1;\n", encoding: "utf8" },
    ]);
    expect(leftOut).toEqual([]);
  });

  test("leaves version control, installed packages and our own state alone, wherever they are", async () => {
    for (const path of [
      ".git/config",
      "node_modules/x/index.js",
      "app/node_modules/y.js",
      ".powerloom/state",
      "keep.md",
    ])
      await put(path, "x");
    const { files, leftOut } = await collectFolder(root, 0);
    expect(files.map(({ path }) => path)).toEqual(["keep.md"]);
    expect(leftOut).toEqual([]);
  });

  test("follows no links, and says which it has passed over", async () => {
    await writeFile(join(base, "secret"), "s");
    await symlink(join(base, "secret"), join(root, "link"));
    await symlink(base, join(root, "up"));
    const { files, leftOut } = await collectFolder(root, 0);
    expect(files).toEqual([]);
    expect(leftOut).toEqual([
      { path: "link", why: "a link" },
      { path: "up", why: "a link" },
    ]);
  });

  test("leaves out the largest when it does not fit into one request", async () => {
    await put("a-large.txt", "x".repeat(700_000));
    await put("b-large.txt", "x".repeat(600_000));
    await put("huge.bin", Buffer.alloc(2_000_000));
    await put("small.txt", "x");
    const { files, leftOut } = await collectFolder(root, 0);
    expect(files.map(({ path }) => path)).toEqual(["b-large.txt", "small.txt"]);
    expect(leftOut.map(({ path }) => path)).toEqual(["a-large.txt", "huge.bin"]);
    for (const { why } of leftOut) expect(why).toContain("too large");
    expect(Buffer.byteLength(JSON.stringify({ files }))).toBeLessThan(1024 * 1024);
  });

  test("counts what JSON makes of a text, and what else is in the request", async () => {
    await put("escaped.txt", "\n".repeat(600_000));
    await put("plain.txt", "x".repeat(1_000));
    expect((await collectFolder(root, 0)).leftOut.map(({ path }) => path)).toEqual(["escaped.txt"]);
    expect((await collectFolder(root, 1_046_000)).files).toEqual([]);
  });

  test.each(["missing", "file"])("a folder that is none (%s) is wrong usage", async (name) => {
    await put("file", "x");
    await expect(collectFolder(join(root, name), 0)).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe("writing back", () => {
  const file = (path: string, content: string | null, change: RunFile["change"] = "changed"): RunFile => ({
    path,
    content,
    change,
    bytes: 1,
    encoding: "utf8",
  });
  const sent = async () => (await collectFolder(root, 0)).sent;

  test("writes what was changed and added, and keeps the file's mode", async () => {
    await put("run.sh", "old");
    await chmod(join(root, "run.sh"), 0o755);
    const before = await sent();
    const results = await writeBack(root, [file("run.sh", "new"), file("deep/er/new.txt", "hello", "added")], before);
    expect(results.map(({ status }) => status)).toEqual(["written", "written"]);
    expect(await read("run.sh")).toBe("new");
    expect((await stat(join(root, "run.sh"))).mode & 0o777).toBe(0o755);
    expect(await read("deep/er/new.txt")).toBe("hello");
    expect((await readdir(root)).sort()).toEqual(["deep", "run.sh"]);
  });

  test("binary content comes back as it was", async () => {
    const bytes = Buffer.from([0, 255, 1]);
    await writeBack(root, [{ ...file("a.bin", bytes.toString("base64"), "added"), encoding: "base64" }], new Map());
    expect(await readFile(join(root, "a.bin"))).toEqual(bytes);
  });

  test("what the person has changed meanwhile stays, and the run's stands beside it", async () => {
    await put("a.txt", "sent");
    await put("b.txt", "sent");
    const before = await sent();
    await put("a.txt", "mine");
    await rm(join(root, "b.txt"));
    await put("c.txt", "mine too");
    const files = [file("a.txt", "theirs"), file("b.txt", "theirs"), file("c.txt", "theirs", "added")];
    expect(await writeBack(root, files, before)).toEqual(
      ["a.txt", "b.txt", "c.txt"].map((path) => ({ status: "beside", path, beside: `${path}.run` })),
    );
    expect([await read("a.txt"), await read("c.txt"), await read("a.txt.run")]).toEqual(["mine", "mine too", "theirs"]);
    // Another run does not overwrite the copy of the first.
    expect(await writeBack(root, [file("a.txt", "theirs 2")], before)).toEqual([
      { status: "beside", path: "a.txt", beside: "a.txt.run.2" },
    ]);
    expect(await read("a.txt.run")).toBe("theirs");
  });

  test("what is the same already is no conflict, and what the run has removed stays", async () => {
    await put("a.txt", "same");
    await put("b.txt", "stays");
    const results = await writeBack(root, [file("a.txt", "same"), file("b.txt", null, "removed")], new Map());
    expect(results.map(({ status }) => status)).toEqual(["same", "kept"]);
    expect(await read("b.txt")).toBe("stays");
  });

  test.each([
    "../out.txt",
    "/etc/out.txt",
    "a/../../out.txt",
    "a//b",
    "./a",
    "a\\..\\b",
    "",
    ".git/hooks/pre-commit",
    "sub/.GIT/config",
    "node_modules/x.js",
  ])("'%s' is refused", async (path) => {
    expect((await writeBack(root, [file(path, "evil", "added")], new Map()))[0]).toMatchObject({ status: "refused" });
    expect(await readdir(base)).toEqual(["folder"]);
    expect(await readdir(root)).toEqual([]);
  });

  test("links are not followed: neither the file, nor its directory, nor the copy beside it", async () => {
    const outside = join(base, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "target"), "untouched");
    await symlink(join(outside, "target"), join(root, "file-link"));
    await symlink(outside, join(root, "dir-link"));
    await symlink(join(outside, "not-there"), join(root, "dangling"));
    await put("mine.txt", "mine");
    await symlink(join(outside, "target"), join(root, "mine.txt.run"));
    const files = ["file-link", "dir-link/target", "dir-link/new/x", "dangling", "mine.txt"].map((path) =>
      file(path, "evil"),
    );
    const results = await writeBack(root, files, new Map());
    expect(results.map(({ status }) => status)).toEqual(["refused", "refused", "refused", "refused", "beside"]);
    expect(results[4]).toMatchObject({ beside: "mine.txt.run.2" });
    expect(await readdir(outside)).toEqual(["target"]);
    expect(await readFile(join(outside, "target"), "utf8")).toBe("untouched");
  });

  test("a directory where the run has a file, and a file where it has a directory, are refused", async () => {
    await put("dir/x", "x");
    await put("plain", "x");
    const results = await writeBack(root, [file("dir", "y"), file("plain/z", "y")], new Map());
    expect(results.map(({ status }) => status)).toEqual(["refused", "refused"]);
  });
});
