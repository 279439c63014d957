import type { Stats } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { refused, type ToolOutcome } from "../outcome.ts";
import { quoted } from "./lexical-path.ts";
import { ioFault, type Place, walkTo } from "./walk.ts";
import type { Workspace } from "./workspace.ts";

/** Entries that one call returns at most. */
const mostEntries = 2_000;
/** Names read of one directory before the rest is left out; sorting needs them all in memory. */
const mostNames = 20_000;

export interface ListDirectoryArguments {
  path?: string;
  /** Levels, 1 to 5. */
  depth?: number;
}

interface DirectoryEntry {
  path: string;
  type: "file" | "directory" | "symlink" | "other";
  bytes: number;
}

export interface ListDirectoryOutput {
  path: string;
  entries: DirectoryEntry[];
  truncated: boolean;
}

/** What is in a directory, by name, down to `depth` levels. Links are shown, never followed. */
export async function listDirectory(
  workspace: Workspace,
  args: ListDirectoryArguments,
): Promise<ToolOutcome<ListDirectoryOutput>> {
  const requested = args.path ?? ".";
  return await walkTo(workspace, requested, { followLinks: true }, async ({ path, found }) => {
    if (found === null) return ioFault(Object.assign(new Error(), { code: "ENOENT" }), requested);
    if (!found.stats.isDirectory())
      return refused("wrong_kind", `${quoted(requested)} is not a directory: use read_file for files`);
    const output: ListDirectoryOutput = { path, entries: [], truncated: false };
    await collect(workspace, path, found, args.depth ?? 1, output);
    return { status: "done", output };
  });
}

async function collect(
  workspace: Workspace,
  path: string,
  found: NonNullable<Place["found"]>,
  depth: number,
  output: ListDirectoryOutput,
): Promise<void> {
  const { names, complete } = await namesIn(found.path);
  if (!complete) output.truncated = true;
  for (const name of names) {
    if (output.entries.length >= mostEntries) {
      output.truncated = true;
      return;
    }
    const stats = await lstat(`${found.path}/${name}`).catch(() => null);
    // Gone meanwhile.
    if (stats === null) continue;
    const child = path === "." ? name : `${path}/${name}`;
    output.entries.push({ path: child, type: typeOf(stats), bytes: stats.isFile() ? stats.size : 0 });
    if (!stats.isDirectory() || depth <= 1) continue;
    await walkTo(workspace, child, { followLinks: false }, async (place) => {
      if (place.found?.stats.isDirectory() === true) await collect(workspace, child, place.found, depth - 1, output);
      return { status: "done", output: null };
    });
  }
}

async function namesIn(path: string): Promise<{ names: string[]; complete: boolean }> {
  const names: string[] = [];
  const directory = await opendir(path, { bufferSize: 512 });
  for await (const { name } of directory) {
    if (names.length === mostNames) return { names: names.sort(), complete: false };
    names.push(name);
  }
  return { names: names.sort(), complete: true };
}

function typeOf(stats: Stats): DirectoryEntry["type"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}
