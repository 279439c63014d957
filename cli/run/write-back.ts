import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { z } from "zod";
import type { runFileView } from "../../contracts/runs.ts";
import { contentDigest, isPlainPath, isUnwanted } from "./paths.ts";

export type RunFile = z.infer<typeof runFileView>;

/** What became of one file of a run in the person's folder. */
export type WrittenBack =
  | { status: "written"; path: string }
  | { status: "same"; path: string }
  /** The person's file is not what was sent: theirs stays, the run's stands beside it. */
  | { status: "beside"; path: string; beside: string }
  | { status: "kept"; path: string }
  | { status: "refused"; path: string; reason: string };

const mostBeside = 20;

/**
 * Writes what a run has added or changed into the folder it came from. Never outside of it, never through links, and
 * never over something the person has changed meanwhile. What the run has removed stays.
 * @param sent path → digest of what the run began with
 */
export async function writeBack(
  root: string,
  files: readonly RunFile[],
  sent: ReadonlyMap<string, string>,
): Promise<WrittenBack[]> {
  const results: WrittenBack[] = [];
  for (const file of files) {
    if (file.change === "removed") results.push({ status: "kept", path: file.path });
    if (file.content === null) continue;
    const content = Buffer.from(file.content, file.encoding);
    const written = await writeOne(root, file.path, content, sent.get(file.path)).catch(
      (error: unknown): WrittenBack => ({
        status: "refused",
        path: file.path,
        reason: error instanceof Error ? error.message : String(error),
      }),
    );
    results.push(written);
  }
  return results;
}

async function writeOne(root: string, path: string, content: Buffer, sent: string | undefined): Promise<WrittenBack> {
  const refused = (reason: string): WrittenBack => ({ status: "refused", path, reason });
  if (!isPlainPath(path)) return refused("its path leads out of the folder");
  // A hook in .git would be run by the person's next commit.
  if (path.split("/").some(isUnwanted)) return refused("it is in a directory that runs do not write to");
  const blocked = await makeDirectories(root, dirname(path));
  if (blocked !== undefined) return refused(blocked);

  const target = join(root, path);
  const here = await lstat(target).catch(ifMissing);
  if (here !== undefined && !here.isFile())
    return refused(here.isSymbolicLink() ? "it is a link here" : "it is no file here");
  const current = here === undefined ? undefined : await digestOfFile(target);
  if (current === contentDigest(content)) return { status: "same", path };
  if (current !== sent) return { status: "beside", path, beside: await writeBeside(root, path, content) };
  if (here === undefined) await writeFile(target, content, { flag: "wx" });
  else await replace(target, content, here.mode);
  return { status: "written", path };
}

/** Makes the directories of a path, one by one: each must be a directory of its own, and no link to one. */
async function makeDirectories(root: string, directory: string): Promise<string | undefined> {
  if (directory === ".") return undefined;
  let at = root;
  for (const part of directory.split("/")) {
    at = join(at, part);
    const found = await lstat(at).catch(ifMissing);
    if (found === undefined) await mkdir(at);
    else if (found.isSymbolicLink()) return "its directory is a link here";
    else if (!found.isDirectory()) return "its directory is a file here";
  }
  return (await realpath(at)) === at ? undefined : "its directory leads out of the folder";
}

async function digestOfFile(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return contentDigest(await handle.readFile());
  } finally {
    await handle.close();
  }
}

/** All or nothing: a reader sees the old file or the new one. A rename replaces a link, it does not follow it. */
async function replace(target: string, content: Buffer, mode: number): Promise<void> {
  const making = join(dirname(target), `.${basename(target).slice(0, 100)}.${randomUUID()}`);
  try {
    await writeFile(making, content, { flag: "wx" });
    await chmod(making, mode & 0o777);
    await rename(making, target);
  } catch (error) {
    await rm(making, { force: true });
    throw error;
  }
}

/** Writes `<name>.run`, or the next number when that is taken: `wx` neither overwrites nor follows anything. */
async function writeBeside(root: string, path: string, content: Buffer): Promise<string> {
  for (let number = 1; number <= mostBeside; number += 1) {
    const beside = number === 1 ? `${path}.run` : `${path}.run.${number}`;
    try {
      await writeFile(join(root, beside), content, { flag: "wx" });
      return beside;
    } catch (error) {
      if (!isFault(error, "EEXIST")) throw error;
    }
  }
  throw new Error(`it was changed here, and there are ${mostBeside} copies beside it already`);
}

function ifMissing(error: unknown): undefined {
  if (isFault(error, "ENOENT")) return undefined;
  throw error;
}

function isFault(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
