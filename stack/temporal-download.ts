import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { runChild } from "./running.ts";

/** Where the vendor says what to fetch (the same question the SDK asks), and where the release lists its checksums. */
const archiveInfo = (version: string, platform: string, arch: string) =>
  `https://temporal.download/cli/v${version}?arch=${arch}&platform=${platform}`;
const checksumList = (version: string) =>
  `https://github.com/temporalio/cli/releases/download/v${version}/checksums.txt`;

const connectMs = 5_000;
const wholeMs = 180_000;

/** The outcome of a download; a reason is for a person. */
export type DownloadOutcome = { ok: true } | { ok: false; reason: string };

/** How the network is reached, replaced in tests. */
export type Fetch = (url: string, init: { signal: AbortSignal }) => Promise<Response>;

/**
 * Fetches the vendor's archive and puts its `temporal` at `target`.
 *
 * The archive comes from the vendor's CDN, its SHA-256 from the release page on another host: without a matching
 * checksum nothing is unpacked. Offline machines find out within seconds; the whole is bounded too.
 */
export async function downloadTemporal(given: {
  version: string;
  target: string;
  log: (line: string) => void;
  fetch?: Fetch;
}): Promise<DownloadOutcome> {
  const { version, target, log } = given;
  const get = given.fetch ?? fetch;
  const file = archiveName(version);
  if (!file) return { ok: false, reason: `there is no download for ${process.platform}-${process.arch}` };
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const beside = await mkdtemp(join(dirname(target), ".download-"));
  const whole = AbortSignal.timeout(wholeMs);
  try {
    const sums = await (await answer(get, checksumList(version), whole)).text();
    const expected = checksumOf(sums, file);
    if (!expected) return { ok: false, reason: `the vendor lists no checksum for ${file}` };
    const [, , , platform = "", arch = ""] = file.replace(".tar.gz", "").split("_");
    const info = (await (await answer(get, archiveInfo(version, platform, arch), whole)).json()) as {
      archiveUrl?: string;
    };
    if (!info.archiveUrl?.startsWith("https://")) return { ok: false, reason: "the vendor names no archive" };
    log(`downloading Temporal CLI ${version}`);
    const archive = join(beside, file);
    const actual = await save(await answer(get, info.archiveUrl, whole), archive);
    if (actual !== expected) return { ok: false, reason: `the checksum of ${file} does not match; it was not used` };
    const unpacked = await unpack(archive, beside);
    if (unpacked !== "exit code 0") return { ok: false, reason: `${file} cannot be unpacked (tar: ${unpacked})` };
    await chmod(join(beside, "temporal"), 0o755);
    await rename(join(beside, "temporal"), target);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: `the download failed (${reasonOf(error)})` };
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** The archive's name in a release: `temporal_cli_1.8.2_linux_amd64.tar.gz`. */
export function archiveName(
  version: string,
  platform: string = process.platform,
  arch: string = process.arch,
): string | undefined {
  const cpu = { x64: "amd64", arm64: "arm64" }[arch];
  return cpu && ["linux", "darwin"].includes(platform)
    ? `temporal_cli_${version}_${platform}_${cpu}.tar.gz`
    : undefined;
}

/** The SHA-256 of a file in a list of `<hex>  <name>` lines. */
export function checksumOf(list: string, file: string): string | undefined {
  const line = list.split("\n").find((text) => text.trim().split(/\s+\*?/)[1] === file);
  const sum = line?.trim().split(/\s+/)[0]?.toLowerCase();
  return sum && /^[0-9a-f]{64}$/.test(sum) ? sum : undefined;
}

async function answer(get: Fetch, url: string, whole: AbortSignal): Promise<Response> {
  // Only the wait for the headers is short; the body has the whole bound.
  const connect = new AbortController();
  const timer = setTimeout(
    () => connect.abort(new Error(`no answer from ${new URL(url).host} in ${connectMs / 1000} s`)),
    connectMs,
  );
  try {
    const response = await get(url, { signal: AbortSignal.any([whole, connect.signal]) });
    if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`);
    return response;
  } finally {
    clearTimeout(timer);
  }
}

async function save(response: Response, path: string): Promise<string> {
  if (!response.body) throw new Error("an empty answer");
  const hash = createHash("sha256");
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body), tap, createWriteStream(path, { mode: 0o600 }));
  return hash.digest("hex");
}

async function unpack(archive: string, folder: string): Promise<string> {
  const tar = await runChild({
    command: "tar",
    args: ["-xzf", archive, "-C", folder, "temporal"],
    env: process.env,
    onLine: () => {},
  });
  return tar.exited;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? (error.cause as NodeJS.ErrnoException) : undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
