import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { ToolOutcome } from "../../../tools/outcome.ts";
import { executeCommand } from "../../../tools/sandbox/execute-command.ts";
import { listDirectory } from "../../../tools/workspace/list-directory.ts";
import { readFile } from "../../../tools/workspace/read-file.ts";
import { createWorkspace, openWorkspace, type Workspace } from "../../../tools/workspace/workspace.ts";
import { writeFile } from "../../../tools/workspace/write-file.ts";

const base = mkdtempSync(join(tmpdir(), "powerloom-paths-"));
const directory = join(base, "run-1");
const secret = "a secret outside of the workspace";
let workspace: Workspace;

/** Every tool that takes a path, so that each attempt is made with each. */
const tools: Record<string, (path: string) => Promise<ToolOutcome<unknown>>> = {
  read_file: (path) => readFile(workspace, { path }),
  write_file: (path) => writeFile(workspace, { path, content: "written" }),
  list_directory: (path) => listDirectory(workspace, { path }),
};

beforeEach(async () => {
  rmSync(base, { recursive: true, force: true });
  mkdirSync(join(base, "run-2"), { recursive: true });
  writeFileSync(join(base, "run-2", "secret.txt"), secret);
  mkdirSync(join(directory, "src"), { recursive: true });
  writeFileSync(join(directory, "src", "a.ts"), "one\ntwo\nthree\n");
  await createWorkspace(directory);
  workspace = await openWorkspace(directory);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe("a path that leads out of the workspace is refused", () => {
  const inside = (name: string) => join(directory, name);
  test.each<[string, string, (() => void)?]>([
    ["an absolute path", "/etc/passwd"],
    ["parent directories", "../run-2/secret.txt"],
    ["parent directories behind existing ones", "src/../../run-2/secret.txt"],
    ["parent directories behind missing ones", "nothing/../../run-2/secret.txt"],
    ["the mount's name and parent directories", "/workspace/../run-2/secret.txt"],
    ["a name that only begins like the mount's", "/workspace-2/secret.txt"],
    ["the host's name of the workspace itself", join(directory, "../run-2/secret.txt")],
    ["a path with NUL", "src/a.ts\0.png"],
    ["a name that is too long", "x".repeat(300)],
    ["a path that is too long", "x/".repeat(3_000)],
    ["a link to a file outside", "link", () => symlinkSync("../run-2/secret.txt", inside("link"))],
    ["an absolute link to a file outside", "link", () => symlinkSync("/etc/passwd", inside("link"))],
    ["a link to a directory outside, on the way", "link/secret.txt", () => symlinkSync("../run-2", inside("link"))],
    ["a link to nothing, outside", "link", () => symlinkSync("../run-2/new.txt", inside("link"))],
    [
      "a chain of links",
      "one",
      () => {
        symlinkSync("two", inside("one"));
        symlinkSync("src/three", inside("two"));
        symlinkSync("../../run-2/secret.txt", inside("src/three"));
      },
    ],
    ["a link to the parent", "up/run-2/secret.txt", () => symlinkSync("..", inside("up"))],
    [
      "a link inside and parent directories behind it",
      "a/out",
      () => {
        mkdirSync(inside("deep/er"), { recursive: true });
        symlinkSync("deep/er", inside("a"));
        symlinkSync("../../../run-2/secret.txt", inside("deep/er/out"));
      },
    ],
    ["a link to /proc/self/root", "p/etc/passwd", () => symlinkSync("/proc/self/root", inside("p"))],
    ["a link to /proc/self/cwd", "p/package.json", () => symlinkSync("/proc/self/cwd", inside("p"))],
    ["a link to /proc/self/environ", "p", () => symlinkSync("/proc/self/environ", inside("p"))],
    ["a link to an open descriptor", "p", () => symlinkSync("/proc/self/fd/0", inside("p"))],
    ["a link through the mount's name", "p", () => symlinkSync("/workspace/../etc/passwd", inside("p"))],
    ["a link to the root directory", "p/etc/passwd", () => symlinkSync("/", inside("p"))],
    ["a link to a device", "p", () => symlinkSync("/dev/zero", inside("p"))],
    [
      "links in a circle",
      "p",
      () => {
        symlinkSync("q", inside("p"));
        symlinkSync("p", inside("q"));
      },
    ],
  ])("%s", async (_, path, prepare) => {
    prepare?.();
    for (const [name, tool] of Object.entries(tools)) {
      const outcome = await tool(path);
      expect([name, outcome.status]).toEqual([name, "refused"]);
      expect(JSON.stringify(outcome)).not.toContain(secret);
    }
    expect(readFileSync(join(base, "run-2", "secret.txt"), "utf8")).toBe(secret);
    expect(existsSync(join(base, "run-2", "new.txt"))).toBe(false);
  });

  test("whatever it is made of", async () => {
    symlinkSync("..", inside("up"));
    symlinkSync("../run-2", inside("over"));
    const part = fc.constantFrom("..", ".", "", "src", "up", "over", "run-2", "secret.txt", "workspace", "/");
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
        expect(JSON.stringify(await readFile(workspace, { path: parts.join("/") }))).not.toContain(secret);
        expect(JSON.stringify(await listDirectory(workspace, { path: parts.join("/"), depth: 5 }))).not.toContain(
          'secret.txt","type',
        );
      }),
    );
  });
});

describe("what is no regular file is refused, and nothing hangs", () => {
  const path = join(directory, "odd");
  test.each<[string, () => unknown, RegExp]>([
    ["a FIFO", () => execFileSync("mkfifo", [path]), /a FIFO/],
    ["a socket", () => listening(path), /a socket/],
    ["a directory", () => mkdirSync(path), /a directory/],
  ])("%s", async (_, make, kind) => {
    const done = await make();
    for (const name of ["read_file", "write_file"]) {
      const outcome = await tools[name]?.("odd");
      expect(outcome).toMatchObject({ code: "wrong_kind", message: expect.stringMatching(kind) as string });
    }
    if (typeof done === "function") (done as () => void)();
  });

  test.skipIf(process.getuid?.() !== 0)("a device (made as root)", async () => {
    execFileSync("mknod", [path, "c", "1", "5"]);
    for (const name of ["read_file", "write_file"])
      expect(await tools[name]?.("odd")).toMatchObject({ message: expect.stringMatching(/a device/) as string });
  });
});

function listening(path: string): Promise<() => void> {
  const server = createServer();
  return new Promise((resolve) => server.listen(path, () => resolve(() => server.close())));
}

describe("swapping things while they are used", () => {
  /** Another process that does it as fast as it can; this one could only between its own steps. */
  async function whileSwapping(script: string, use: () => Promise<void>): Promise<void> {
    const { spawn } = await import("node:child_process");
    const swapper = spawn("sh", ["-c", `while :; do ${script}; done`], { cwd: directory, stdio: "ignore" });
    try {
      for (let round = 0; round < 100; round += 1) await use();
    } finally {
      swapper.kill("SIGKILL");
      await new Promise((resolve) => swapper.once("close", resolve));
    }
  }

  test("a directory for a link to outside lets nothing out be read", async () => {
    mkdirSync(join(directory, "d"));
    writeFileSync(join(directory, "d", "secret.txt"), "harmless");
    let read = 0;
    await whileSwapping("mv d e; ln -s ../run-2 d; rm d; mv e d", async () => {
      const outcome = await readFile(workspace, { path: "d/secret.txt" });
      expect(JSON.stringify(outcome)).not.toContain(secret);
      if (outcome.status === "done") read += 1;
      expect(JSON.stringify(await listDirectory(workspace, { path: ".", depth: 3 }))).not.toContain(
        `"bytes":${secret.length}`,
      );
    });
    expect(read).toBeGreaterThan(0);
  });

  test("a directory for a link to outside lets nothing be written there", async () => {
    mkdirSync(join(directory, "d"));
    let written = 0;
    await whileSwapping("mv d e; ln -s ../run-2 d; rm d; mv e d", async () => {
      if ((await writeFile(workspace, { path: "d/new/deep.txt", content: "x" })).status === "done") written += 1;
      if ((await writeFile(workspace, { path: "d/secret.txt", content: "x" })).status === "done") written += 1;
    });
    expect(written).toBeGreaterThan(0);
    expect(readFileSync(join(base, "run-2", "secret.txt"), "utf8")).toBe(secret);
    expect(existsSync(join(base, "run-2", "new"))).toBe(false);
  });

  test("a file for a link or a FIFO neither leaks nor hangs", async () => {
    writeFileSync(join(directory, "f"), "harmless");
    await whileSwapping("rm -f f; ln -s ../run-2/secret.txt f; rm f; mkfifo f; rm f; echo harmless > f", async () => {
      expect(JSON.stringify(await readFile(workspace, { path: "f" }))).not.toContain(secret);
      await writeFile(workspace, { path: "f", content: "x" });
    });
    expect(readFileSync(join(base, "run-2", "secret.txt"), "utf8")).toBe(secret);
  });
});

describe("writing", () => {
  test("replaces a hard link instead of what else it names", async () => {
    linkSync(join(base, "run-2", "secret.txt"), join(directory, "linked"));
    expect(await writeFile(workspace, { path: "linked", content: "mine" })).toMatchObject({
      output: { created: false },
    });
    expect(readFileSync(join(base, "run-2", "secret.txt"), "utf8")).toBe(secret);
    expect(readFileSync(join(directory, "linked"), "utf8")).toBe("mine");
  });

  test("does not go through links, even those that stay inside", async () => {
    symlinkSync("src", join(directory, "s"));
    symlinkSync("src/a.ts", join(directory, "l"));
    for (const path of ["s/a.ts", "s/new.ts", "l"])
      expect(await writeFile(workspace, { path, content: "x" })).toMatchObject({
        message: expect.stringMatching(/symbolic link/) as string,
      });
    expect(readFileSync(join(directory, "src/a.ts"), "utf8")).toContain("two");
  });

  test("makes missing directories, keeps the mode of what it replaces, leaves no other file", async () => {
    chmodSync(join(directory, "src/a.ts"), 0o755);
    expect(await writeFile(workspace, { path: "src/a.ts", content: "é" })).toEqual({
      status: "done",
      output: { path: "src/a.ts", bytes: 2, created: false },
    });
    expect(statSync(join(directory, "src/a.ts")).mode & 0o7777).toBe(0o755);
    expect(await writeFile(workspace, { path: "/workspace/x/y/../z/new.ts", content: "" })).toMatchObject({
      output: { path: "x/z/new.ts", created: true },
    });
    const { uid, gid } = statSync(directory);
    for (const path of ["x", "x/z", "x/z/new.ts", "src/a.ts"])
      expect(statSync(join(directory, path))).toMatchObject({ uid, gid });
    const listed = await listDirectory(workspace, { depth: 5 });
    expect(listed).toMatchObject({ output: { truncated: false } });
    if (listed.status === "done")
      expect(listed.output.entries.map(({ path }) => path)).toEqual(["src", "src/a.ts", "x", "x/z", "x/z/new.ts"]);
  });

  test("leaves everything as it was when it is told so in the last moment", async () => {
    const late = async () => {
      throw new Error("too late");
    };
    const path = "src/a.ts";
    await expect(writeFile(workspace, { path, content: "older" }, late)).rejects.toThrow("too late");
    expect(await readFile(workspace, { path })).toMatchObject({ output: { content: expect.stringContaining("two") } });
    const listed = await listDirectory(workspace, { depth: 5 });
    if (listed.status === "done") expect(listed.output.entries.map((entry) => entry.path)).toEqual(["src", path]);
  });

  test("is all or nothing for readers", async () => {
    const texts = ["a".repeat(200_000), "b".repeat(200_000)];
    await writeFile(workspace, { path: "big", content: texts[0] ?? "" });
    const writing = (async () => {
      for (let round = 0; round < 40; round += 1)
        await writeFile(workspace, { path: "big", content: texts[round % 2] ?? "" });
    })();
    for (let round = 0; round < 40; round += 1) {
      const outcome = await readFile(workspace, { path: "big" });
      expect(outcome.status === "done" && texts.includes(outcome.output.content)).toBe(true);
    }
    await writing;
  });

  test("refuses more than 1 MB and what is no file name, leaving nothing behind", async () => {
    expect(await writeFile(workspace, { path: "big", content: "x".repeat(1_000_001) })).toMatchObject({
      code: "too_large",
    });
    for (const path of [".", "", "/workspace", "src", "src/a.ts/b"])
      expect((await writeFile(workspace, { path, content: "x" })).status).toBe("refused");
    expect(await listDirectory(workspace, {})).toMatchObject({
      output: { entries: [{ path: "src", type: "directory", bytes: 0 }] },
    });
  });
});

describe("reading", () => {
  test.each<[number | undefined, number | undefined, string, boolean]>([
    [undefined, undefined, "one\ntwo\nthree\n", false],
    [1, 1, "one\n", true],
    [2, undefined, "two\nthree\n", false],
    [2, 1, "two\n", true],
    [3, 5, "three\n", false],
  ])("from line %s, %s lines", async (offset, limit, content, truncated) => {
    const args = {
      path: "src/a.ts",
      ...(offset === undefined ? {} : { offset }),
      ...(limit === undefined ? {} : { limit }),
    };
    expect(await readFile(workspace, args)).toEqual({
      status: "done",
      output: { path: "src/a.ts", content, total_lines: 3, truncated },
    });
  });

  test("gives back in pieces exactly what was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom("a", "\n", "\r", "é", "𝄞", "\u2028", "\ufeff"), maxLength: 80 }),
        async (text) => {
          await writeFile(workspace, { path: "t", content: text });
          let together = "";
          for (let offset = 1; ; offset += 2) {
            const part = await readFile(workspace, { path: "t", offset, limit: 2 });
            if (part.status === "refused") throw new Error(part.message);
            together += part.output.content;
            if (!part.output.truncated) break;
          }
          expect(together).toBe(text);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("takes little room for a file of millions of lines", async () => {
    writeFileSync(join(directory, "lines"), "1\n".repeat(7_000_000));
    const module = (name: string) => JSON.stringify(new URL(`../../../tools/workspace/${name}`, import.meta.url).href);
    const reading = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       Promise.all([import(${module("read-file.ts")}), import(${module("workspace.ts")})]).then(
         async ([{ readFile }, { openWorkspace }]) =>
           parentPort.postMessage(await readFile(await openWorkspace(workerData), { path: "lines", offset: 6_999_999 })));`,
      { eval: true, workerData: directory, resourceLimits: { maxOldGenerationSizeMb: 64 } },
    );
    const outcome = await new Promise((resolve, reject) => {
      reading.on("message", resolve).on("error", reject);
    });
    expect(outcome).toMatchObject({ output: { content: "1\n1\n", total_lines: 7_000_000, truncated: false } });
    await reading.terminate();
  });

  test("returns at most 256 kB, of a single long line its beginning without a broken character", async () => {
    await writeFile(workspace, { path: "long", content: `x${"é".repeat(200_000)}` });
    const outcome = await readFile(workspace, { path: "long" });
    if (outcome.status === "refused") throw new Error(outcome.message);
    expect(outcome.output.truncated).toBe(true);
    expect(Buffer.byteLength(outcome.output.content)).toBeLessThanOrEqual(256_000);
    expect(outcome.output.content).not.toContain("\ufffd");
  });

  test.each<[string, () => void, string, RegExp]>([
    ["bytes that are no text", () => writeFileSync(join(directory, "f"), Buffer.from([1, 0, 2])), "not_text", /UTF-8/],
    ["broken UTF-8", () => writeFileSync(join(directory, "f"), Buffer.from([0xc3, 0x28])), "not_text", /UTF-8/],
    ["a missing file", () => undefined, "not_found", /list_directory/],
    [
      "a file too large to count",
      () => execFileSync("truncate", ["-s", "17M", join(directory, "f")]),
      "too_large",
      /head/,
    ],
  ])("refuses %s and says what would do", async (_, make, code, message) => {
    make();
    expect(await readFile(workspace, { path: "f" })).toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  test("refuses an offset behind the end", async () => {
    expect(await readFile(workspace, { path: "src/a.ts", offset: 5 })).toMatchObject({
      message: "offset 5 is behind the end: the file has 3 lines",
    });
  });

  test.each<[string, string]>([
    ["relative", "src/a.ts"],
    ["absolute with the mount's name", "/workspace/src/a.ts"],
  ])("follows a %s link that stays inside", async (_, target) => {
    symlinkSync(target, join(directory, "l"));
    expect(await readFile(workspace, { path: "l" })).toMatchObject({ output: { path: "src/a.ts" } });
  });
});

describe("listing", () => {
  test("shows kinds and sizes by name, and follows no link", async () => {
    symlinkSync("/etc", join(directory, "etc"));
    execFileSync("mkfifo", [join(directory, "pipe")]);
    expect(await listDirectory(workspace, { depth: 5 })).toEqual({
      status: "done",
      output: {
        path: ".",
        entries: [
          { path: "etc", type: "symlink", bytes: 0 },
          { path: "pipe", type: "other", bytes: 0 },
          { path: "src", type: "directory", bytes: 0 },
          { path: "src/a.ts", type: "file", bytes: 14 },
        ],
        truncated: false,
      },
    });
    expect(await listDirectory(workspace, { path: "src/a.ts" })).toMatchObject({ code: "wrong_kind" });
    expect(await listDirectory(workspace, { path: "nothing" })).toMatchObject({ code: "not_found" });
  });

  test("stops at 2,000 entries and at the depth asked for", async () => {
    mkdirSync(join(directory, "src/b/c"), { recursive: true });
    const shallow = await listDirectory(workspace, { depth: 2 });
    expect(JSON.stringify(shallow)).not.toContain("src/b/c");
    mkdirSync(join(directory, "many"));
    for (let number = 0; number < 2_100; number += 1) writeFileSync(join(directory, "many", String(number)), "");
    const many = await listDirectory(workspace, { path: "many" });
    expect(many.status === "done" && many.output.entries.length).toBe(2_000);
    expect(many).toMatchObject({ output: { truncated: true } });
  });
});

describe("a path constraint", () => {
  test.each<[string, string[], string, boolean]>([
    ["inside it", ["src"], "src/a.ts", true],
    ["named with the mount", ["/workspace/src"], "src/a.ts", true],
    ["of everything", ["/workspace"], "src/a.ts", true],
    ["of one file", ["src/a.ts"], "src/a.ts", true],
    ["outside it", ["docs"], "src/a.ts", false],
    ["that is empty", [], "src/a.ts", false],
    ["with a name that begins alike", ["sr"], "src/a.ts", false],
    ["by parent directories", ["docs"], "docs/../src/a.ts", false],
    ["by a link", ["docs"], "docs/link.ts", false],
  ])("%s", async (_, allowedPaths, path, allowed) => {
    mkdirSync(join(directory, "docs"));
    symlinkSync("../src/a.ts", join(directory, "docs/link.ts"));
    workspace = await openWorkspace(directory, allowedPaths);
    expect((await readFile(workspace, { path })).status).toBe(allowed ? "done" : "refused");
    expect((await writeFile(workspace, { path, content: "x" })).status).toBe(allowed ? "done" : "refused");
  });

  test("makes no directory outside of it, and says what is allowed", async () => {
    workspace = await openWorkspace(directory, ["src", "docs"]);
    expect(await writeFile(workspace, { path: "other/deep/a", content: "x" })).toMatchObject({
      code: "not_allowed",
      message: '"other/deep/a" is outside what this agent may touch: src, docs',
    });
    expect(existsSync(join(directory, "other"))).toBe(false);
    expect(await listDirectory(workspace, {})).toMatchObject({ code: "not_allowed" });
  });

  test.each([[["src"]], [[]]])("to %j lets no command run: it could touch everything", async (allowedPaths) => {
    workspace = await openWorkspace(directory, allowedPaths);
    expect(await executeCommand(workspace, { command: "touch ran" })).toMatchObject({ code: "not_allowed" });
    expect(existsSync(join(directory, "ran"))).toBe(false);
  });

  test("that leads out of the workspace is refused when the workspace is opened", async () => {
    await expect(openWorkspace(directory, ["../run-2"])).rejects.toThrow(/path constraint/);
    await expect(openWorkspace(join(base, "missing"))).rejects.toThrow(/does not exist/);
    renameSync(join(directory, "src/a.ts"), join(base, "file"));
    await expect(openWorkspace(join(base, "file"))).rejects.toThrow(/no directory/);
    unlinkSync(join(base, "file"));
  });
});
