import { chmod, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { tryFileLock } from "./file-lock.ts";
import { StackError } from "./stack-error.ts";

/** Says that a directory is ours, so that `resetState` never removes somebody else's. */
const marker = "powerloom-state";
const lockName = "up.lock";

/** The open state directory: nobody else uses it until `release`, or until this process ends. */
export interface StateDirectory {
  readonly path: string;
  release(): void;
}

/** Where the local stack keeps its state: `POWERLOOM_HOME`, else `.powerloom` in `root`. */
export function stateDirectoryPath(env: NodeJS.ProcessEnv = process.env, root: string = process.cwd()): string {
  return resolve(root, env["POWERLOOM_HOME"] || ".powerloom");
}

/** Creates the directory when absent (mode 0700) and locks it for this process. */
export async function openStateDirectory(path: string): Promise<StateDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const owner = (await stat(path)).uid;
  if (owner !== (process.getuid?.() ?? owner)) {
    throw new StackError(`${path} belongs to another user; run as that user, or set POWERLOOM_HOME elsewhere`);
  }
  if (!(await hasMarker(path))) {
    const entries = await readdir(path);
    // A lock may be there already: a second process opens the directory at the same moment.
    // So may a login that was saved before the first start.
    if (entries.some((entry) => !entry.startsWith(lockName) && !entry.startsWith("login.json") && entry !== marker)) {
      throw new StackError(`${path} is not a Powerloom state directory and is not empty; set POWERLOOM_HOME elsewhere`);
    }
    await writeFile(join(path, marker), "1\n");
  }
  // Only after the marker was seen: a folder that was given by mistake keeps its mode.
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700);
  const lock = lockState(path);
  return { path, release: () => lock.release() };
}

/** Removes the state directory. Refuses while a stack uses it, and when it is not ours. Absent is fine. */
export async function resetState(path: string): Promise<"removed" | "absent"> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return "absent";
  if (!found.isDirectory() || !(await hasMarker(path))) {
    throw new StackError(`${path} is not a Powerloom state directory; nothing was removed`);
  }
  const lock = lockState(path);
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } finally {
    lock.release();
  }
  return "removed";
}

function lockState(path: string) {
  const lock = tryFileLock(join(path, lockName));
  if ("release" in lock) return lock;
  const who = lock.heldBy ? ` (process ${lock.heldBy})` : "";
  throw new StackError(`Powerloom is already running in ${path}${who}; stop it first or set POWERLOOM_HOME`);
}

async function hasMarker(path: string): Promise<boolean> {
  return readFile(join(path, marker)).then(
    () => true,
    () => false,
  );
}
