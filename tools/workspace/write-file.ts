import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { refused, type ToolOutcome } from "../outcome.ts";
import { notAFile } from "./kind.ts";
import { type Place, walkTo } from "./walk.ts";
import type { Workspace } from "./workspace.ts";

/** Bytes that one call writes at most. */
const mostBytesWritten = 1_000_000;

export interface WriteFileArguments {
  path: string;
  content: string;
}

export interface WriteFileOutput {
  path: string;
  bytes: number;
  /** False when a file was replaced. */
  created: boolean;
}

/**
 * Writes a whole text file, making missing directories. A reader sees the old text or the new, never a part: the text
 * goes to a new file that then takes the name, so a hard link elsewhere keeps what it had. The mode stays.
 * @param beforeItIsDone may throw: then nothing is written
 */
export async function writeFile(
  workspace: Workspace,
  args: WriteFileArguments,
  beforeItIsDone: () => Promise<void> = async () => undefined,
): Promise<ToolOutcome<WriteFileOutput>> {
  const bytes = Buffer.from(args.content, "utf8");
  if (bytes.length > mostBytesWritten)
    return refused(
      "too_large",
      `${bytes.length} bytes are too many for one call: write at most ${mostBytesWritten}, in several files if need be`,
    );
  return await walkTo(workspace, args.path, { followLinks: false, makeDirectories: true }, async (place) => {
    const { parent, found, path } = place;
    const fault = found === null ? null : notAFile(args.path, found.stats);
    if (fault !== null) return fault;
    if (parent === null) return refused("wrong_kind", "the workspace root is a directory: give the path of a file");
    await replace(parent, bytes, place, beforeItIsDone);
    return { status: "done", output: { path, bytes: bytes.length, created: found === null } };
  });
}

async function replace(
  parent: NonNullable<Place["parent"]>,
  bytes: Buffer,
  { found, owner }: Place,
  beforeItIsDone: () => Promise<void>,
): Promise<void> {
  const temporary = `${parent.path}/.powerloom-${randomBytes(8).toString("hex")}.tmp`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      await file.writeFile(bytes);
      // Without the bits that lend the owner's rights.
      await file.chmod(found === null ? 0o644 : found.stats.mode & 0o777);
      if (process.getuid?.() === 0) await file.chown(owner.uid, owner.gid);
      await file.datasync();
    } finally {
      await file.close();
    }
    await beforeItIsDone();
    await rename(temporary, `${parent.path}/${parent.name}`);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
