import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/** A lock shared between processes, held until `release` or until this process dies, however it dies. */
export interface FileLock {
  release(): void;
}

/**
 * Takes the lock at `path`, or answers with the pid that holds it.
 *
 * Node has no flock. SQLite's exclusive transaction is a lock of the operating system on the file, which the kernel
 * drops with the process: there is no stale lock to judge, and no race in taking one over. Nothing is written to it.
 */
export function tryFileLock(path: string): FileLock | { heldBy: number | undefined } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path, { timeout: 0 });
  const holder = `${path}.pid`;
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    return { heldBy: readPid(holder) };
  }
  writeFileSync(holder, `${process.pid}\n`);
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      rmSync(holder, { force: true });
      database.close();
    },
  };
}

/** Waits for the lock; `onWait` is called once, when somebody else holds it. */
export async function waitForFileLock(path: string, onWait: (heldBy: number | undefined) => void): Promise<FileLock> {
  for (let told = false; ; told = true) {
    const attempt = tryFileLock(path);
    if ("release" in attempt) return attempt;
    if (!told) onWait(attempt.heldBy);
    await sleep(200);
  }
}

const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === sqliteBusy;
}

function readPid(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}
