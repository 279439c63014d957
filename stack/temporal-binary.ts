import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, readdir, rm, stat } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./cache-folder.ts";
import { waitForFileLock } from "./file-lock.ts";
import { StackError } from "./stack-error.ts";
import { buildTemporal } from "./temporal-build.ts";
import {
  buildableVersions,
  chooseTemporal,
  fallbackCli,
  goForFallback,
  noTemporalSentence,
  parseGoVersion,
  parseTemporalVersion,
  preferredCli,
  type TemporalFindings,
} from "./temporal-choice.ts";
import { downloadTemporal, type Fetch } from "./temporal-download.ts";

/** Where a binary came from. */
type TemporalSource = "TEMPORAL_CLI_PATH" | "PATH" | "cache" | "download" | "go-build";

/** A `temporal` executable whose server is new enough. */
export interface TemporalBinary {
  path: string;
  source: TemporalSource;
}

/** What `ensureTemporalBinary` needs; `fetch` is replaced in tests. */
export interface TemporalBinaryOptions {
  log: (line: string) => void;
  env?: NodeJS.ProcessEnv;
  fetch?: Fetch;
}

/**
 * Finds or obtains the Temporal CLI, in this order: TEMPORAL_CLI_PATH, PATH, cache, the vendor's download, a Go build.
 * Ends with one sentence when nothing works. (TEMPORAL_ADDRESS means no server of ours: the caller decides that.)
 */
export async function ensureTemporalBinary(options: TemporalBinaryOptions): Promise<TemporalBinary> {
  const env = options.env ?? process.env;
  const choice = chooseTemporal(await look(env));
  switch (choice.kind) {
    case "use":
      return { path: choice.path, source: choice.source };
    case "refuse":
      throw new StackError(choice.sentence);
    case "obtain":
      if (choice.passedOver) options.log(`passed over: ${choice.passedOver}`);
      return obtain(options, env, choice.passedOver);
  }
}

/** The cached executable of a version: `${XDG_CACHE_HOME:-~/.cache}/powerloom/temporal-<version>-<os>-<arch>/temporal`. */
export function cachedTemporalPath(version: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), `temporal-${version}-${process.platform}-${process.arch}`, "temporal");
}

async function look(env: NodeJS.ProcessEnv): Promise<TemporalFindings> {
  const named = env["TEMPORAL_CLI_PATH"];
  if (named) {
    const path = resolve(named);
    return { cliPath: { path, executable: await isExecutable(path) }, cached: [] };
  }
  const cached: string[] = [];
  for (const version of [preferredCli, fallbackCli]) {
    const path = cachedTemporalPath(version, env);
    if (await isExecutable(path)) cached.push(path);
  }
  const path = await onPath("temporal", env);
  if (!path) return { cached };
  return { onPath: { path, version: parseTemporalVersion(await output(path, ["--version"], env)) }, cached };
}

async function obtain(
  options: TemporalBinaryOptions,
  env: NodeJS.ProcessEnv,
  passedOver: string | undefined,
): Promise<TemporalBinary> {
  const { log } = options;
  const waited = (pid: number | undefined) =>
    log(`waiting: process ${pid ?? "?"} is obtaining the Temporal CLI already`);
  const lock = await waitForFileLock(join(cacheFolder(env), "temporal.lock"), waited);
  try {
    // Whoever held the lock may have left it in the cache.
    for (const version of [preferredCli, fallbackCli]) {
      const path = cachedTemporalPath(version, env);
      if (await isExecutable(path)) return { path, source: "cache" };
    }
    const reasons = passedOver ? [passedOver] : [];
    const target = cachedTemporalPath(preferredCli, env);
    await removeLeftovers([target, cachedTemporalPath(fallbackCli, env)]);
    const { fetch } = options;
    const download = await downloadTemporal({ version: preferredCli, target, log, ...(fetch ? { fetch } : {}) });
    if (download.ok) return { path: target, source: "download" };
    log(download.reason);
    reasons.push(download.reason);

    const go = await onPath("go", env);
    const versions = buildableVersions(go ? parseGoVersion(await output(go, ["version"], env)) : undefined);
    if (!go || versions.length === 0) reasons.push(`no Go ${goForFallback} or newer on PATH to build it`);
    for (const version of go ? versions : []) {
      const path = cachedTemporalPath(version, env);
      const build = await buildTemporal({ go: go as string, version, target: path, env, log });
      if (build.ok) return { path, source: "go-build" };
      log(build.reason);
      reasons.push(build.reason);
    }
    throw new StackError(noTemporalSentence(reasons));
  } finally {
    lock.release();
  }
}

/** What a download or a build that was killed left behind: under the lock nobody else is at work there. */
async function removeLeftovers(targets: readonly string[]): Promise<void> {
  for (const folder of targets.map(dirname)) {
    const entries = await readdir(folder).catch(() => []);
    const left = entries.filter((entry) => /^\.(download|build)-/.test(entry));
    for (const entry of left) await rm(join(folder, entry), { recursive: true, force: true });
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function output(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  return promisify(execFile)(command, args, { env, timeout: 15_000 }).then(
    ({ stdout }) => stdout,
    () => "",
  );
}
