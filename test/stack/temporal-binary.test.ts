import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cachedTemporalPath, ensureTemporalBinary } from "../../stack/temporal-binary.ts";
import { buildCommand } from "../../stack/temporal-build.ts";
import { preferredCli } from "../../stack/temporal-choice.ts";
import { archiveName, checksumOf, type Fetch } from "../../stack/temporal-download.ts";
import { scratch } from "./programs.ts";

let place: ReturnType<typeof scratch>;
let env: NodeJS.ProcessEnv;
let said: string[];
const log = (line: string) => said.push(line);
const offline: Fetch = async () => {
  throw new TypeError("fetch failed", { cause: Object.assign(new Error("no name"), { code: "ENOTFOUND" }) });
};

beforeEach(() => {
  place = scratch();
  said = [];
  mkdirSync(join(place.path, "bin"));
  env = { HOME: place.path, PATH: `${join(place.path, "bin")}:/usr/bin:/bin` };
});
afterEach(() => place.remove());

function program(path: string, script: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}
const temporalOf = (server: string) => `echo 'temporal version 1.0.0 (Server ${server}, UI 2.0.0)'`;
/** A stand-in for go: it says a version, counts its calls, and "builds" into -o or GOBIN. */
const goOf = (version: string, build: string) =>
  program(
    join(place.path, "bin", "go"),
    `[ "$1" = version ] && { echo "go version go${version} linux/amd64"; exit; }
echo "$1" >> "${place.path}/builds"; out="$GOBIN/temporal"
while [ $# -gt 0 ]; do [ "$1" = -o ] && out="$2"; shift; done
${build}`,
  );
const cacheEntries = () => readdirSync(dirname(cachedTemporalPath(preferredCli, env)));

test("TEMPORAL_CLI_PATH is taken, or refused when it is not executable", async () => {
  const path = program(join(place.path, "mine"), "");
  expect(await ensureTemporalBinary({ log, env: { ...env, TEMPORAL_CLI_PATH: path } })).toEqual({
    path,
    source: "TEMPORAL_CLI_PATH",
  });
  chmodSync(path, 0o644);
  for (const wrong of [path, place.path, join(place.path, "absent")]) {
    await expect(ensureTemporalBinary({ log, env: { ...env, TEMPORAL_CLI_PATH: wrong } })).rejects.toThrow(
      `TEMPORAL_CLI_PATH names ${wrong}`,
    );
  }
});

test("a new server on PATH is taken; an old one gives way to the cache", async () => {
  const path = program(join(place.path, "bin", "temporal"), temporalOf("1.30.0"));
  expect(await ensureTemporalBinary({ log, env })).toEqual({ path, source: "PATH" });
  program(path, temporalOf("1.28.0"));
  const cached = program(cachedTemporalPath("1.5.1", env), "");
  expect(await ensureTemporalBinary({ log, env })).toEqual({ path: cached, source: "cache" });
  const elsewhere = { ...env, XDG_CACHE_HOME: join(place.path, "xdg") };
  expect(cachedTemporalPath("1.8.2", elsewhere)).toBe(
    join(place.path, "xdg", "powerloom", `temporal-1.8.2-${process.platform}-${process.arch}`, "temporal"),
  );
});

/** A vendor that serves an archive of a `temporal` script and this list of checksums. */
function vendor(sums: (sum: string, file: string) => string): { get: Fetch; asked: string[] } {
  const file = archiveName(preferredCli) as string;
  program(join(place.path, "pack", "temporal"), temporalOf("1.31.2"));
  execFileSync("tar", ["-czf", join(place.path, file), "-C", join(place.path, "pack"), "temporal"]);
  const archive = readFileSync(join(place.path, file));
  const sum = createHash("sha256").update(archive).digest("hex");
  const asked: string[] = [];
  return {
    asked,
    get: async (url) => {
      asked.push(url);
      if (url.endsWith("/checksums.txt")) return new Response(sums(sum, file));
      if (url.endsWith("archive")) return new Response(archive);
      return Response.json({ archiveUrl: "https://example.test/archive", fileToExtract: "temporal" });
    },
  };
}

test("the vendor's archive is unpacked into the cache when its checksum matches", async () => {
  const { get } = vendor((sum, file) => `${"0".repeat(64)}  other.tar.gz\n${sum}  ${file}\n`);
  const found = await ensureTemporalBinary({ log, env, fetch: get });
  expect(found).toEqual({ path: cachedTemporalPath(preferredCli, env), source: "download" });
  expect(execFileSync(found.path, { encoding: "utf8" })).toContain("Server 1.31.2");
  expect(cacheEntries()).toEqual(["temporal"]);
  expect((await ensureTemporalBinary({ log, env, fetch: offline })).source).toBe("cache");
});

test.each([
  ["does not match", (_sum: string, file: string) => `${"0".repeat(64)}  ${file}\n`, /checksum of .* does not match/],
  ["is not listed", () => "", /lists no checksum/],
])("an archive whose checksum %s is not used", async (_title, sums, reason) => {
  const { get, asked } = vendor(sums);
  await expect(ensureTemporalBinary({ log, env, fetch: get })).rejects.toThrow(reason);
  expect(asked[0]).toMatch(/checksums\.txt$/);
  expect(cacheEntries()).toEqual([]);
});

test("offline and without Go it ends with one sentence that names the ways out", async () => {
  await expect(ensureTemporalBinary({ log, env, fetch: offline })).rejects.toMatchObject({
    name: "StackError",
    message: expect.stringMatching(
      /^No Temporal server \(the download failed \(ENOTFOUND\); no Go .*TEMPORAL_ADDRESS.*TEMPORAL_CLI_PATH/,
    ),
  });
});

test("a server that does not answer is given up after seconds", async () => {
  const mute: Fetch = (_url, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const before = performance.now();
  await expect(ensureTemporalBinary({ log, env, fetch: mute })).rejects.toThrow(/no answer from github\.com in 5 s/);
  expect(performance.now() - before).toBeLessThan(8_000);
});

test("offline with Go it is built once, though two ask at the same time", async () => {
  goOf("1.26.4", `test -f go.sum || exit 4; sleep 0.5; echo "go: downloading x" >&2; cp /bin/true "$out"`);
  const found = await Promise.all([
    ensureTemporalBinary({ log, env, fetch: offline }),
    ensureTemporalBinary({ log, env, fetch: offline }),
  ]);
  const path = cachedTemporalPath(preferredCli, env);
  expect(found.map((one) => one.source).toSorted()).toEqual(["cache", "go-build"]);
  expect(found.map((one) => one.path)).toEqual([path, path]);
  expect(readFileSync(join(place.path, "builds"), "utf8")).toBe("build\n");
  expect(said.join("\n")).toMatch(/waiting: process \d+ is obtaining the Temporal CLI already/);
  expect(said.join("\n")).toMatch(/built Temporal CLI 1\.8\.2 in \d+ s/);
  expect(cacheEntries()).toEqual(["temporal"]);
});

test("a build that fails leaves nothing half-written and the older release is tried", async () => {
  goOf("1.26.4", `[ -f go.mod ] && { echo half > "$out"; echo "cannot compile" >&2; exit 1; }; cp /bin/true "$out"`);
  const found = await ensureTemporalBinary({ log, env, fetch: offline });
  expect(found).toEqual({ path: cachedTemporalPath("1.5.1", env), source: "go-build" });
  expect(existsSync(cachedTemporalPath(preferredCli, env))).toBe(false);
  expect(said).toContain("the Go build of 1.8.2 failed (cannot compile)");
});

test("an older Go goes straight to the older release", async () => {
  goOf("1.25.3", `cp /bin/true "$out"`);
  expect((await ensureTemporalBinary({ log, env, fetch: offline })).path).toBe(cachedTemporalPath("1.5.1", env));
  expect(readFileSync(join(place.path, "builds"), "utf8")).toBe("install\n");
});

test("the build's module pins everything and its commands name the releases", () => {
  const { module = "", args } = buildCommand("1.8.2", "/out");
  expect(readFileSync(join(module, "go.mod"), "utf8")).toContain("github.com/temporalio/cli v1.8.2");
  expect(readFileSync(join(module, "go.sum"), "utf8").split("\n").length).toBeGreaterThan(400);
  expect(args).toContain("/out/temporal");
  expect(buildCommand("1.5.1", "/out")).toMatchObject({
    args: expect.arrayContaining(["github.com/temporalio/cli/cmd/temporal@v1.5.1"]),
  });
});

test.each([
  ["linux", "x64", "temporal_cli_1.8.2_linux_amd64.tar.gz"],
  ["darwin", "arm64", "temporal_cli_1.8.2_darwin_arm64.tar.gz"],
  ["win32", "x64", undefined],
  ["linux", "riscv64", undefined],
])("the archive for %s-%s is %s", (platform, arch, name) => {
  expect(archiveName("1.8.2", platform, arch)).toBe(name);
});

test.each([
  [`${"A".repeat(64)}  f.tar.gz`, "a".repeat(64)],
  [`${"a".repeat(64)} *f.tar.gz\r\n`, "a".repeat(64)],
  [`${"a".repeat(63)}  f.tar.gz`, undefined],
  [`${"a".repeat(64)}  not-f.tar.gz`, undefined],
])("the list %j gives the checksum %s", (list, sum) => {
  expect(checksumOf(list, "f.tar.gz")).toBe(sum);
});
