import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { chown, type FileHandle, mkdir, open, readlink } from "node:fs/promises";
import { posix } from "node:path";
import { refused, type ToolFault, type ToolOutcome } from "../outcome.ts";
import { lexicalPath, quoted, relativeTo, workspaceMount } from "./lexical-path.ts";
import { allowedText, isAllowed, type Workspace } from "./workspace.ts";

/** open(2): a handle for the thing itself. Opens no device, waits for no FIFO, needs no read permission. Linux, all CPUs. */
const O_PATH = 0o10000000;
/** As many links as the kernel follows (MAXSYMLINKS). */
const mostLinks = 40;

/** Where a walk ended. The handles are good until the walk's user returns. */
export interface Place {
  /** Relative to the root, links resolved; "." is the root. */
  path: string;
  /** A path of the directory that holds it, good while the handle is open whatever is renamed; null for the root. */
  parent: { path: string; name: string } | null;
  /** A path of the thing itself, or null when nothing is there yet. */
  found: { path: string; stats: Stats } | null;
  owner: { uid: number; gid: number };
}

export interface WalkOptions {
  /** Follow links that stay inside. Never for writes: the directory that was approved is the one written to. */
  followLinks: boolean;
  /** Make missing directories on the way. */
  makeDirectories?: boolean;
}

interface Level {
  handle: FileHandle;
  name: string;
  stats: Stats;
}

/**
 * Goes to a path one component at a time, each opened without following links below a directory already held open
 * (what openat(2) with O_NOFOLLOW does; `/proc/self/fd/N/name` is how Node can say it). Links are read and walked by
 * the same rules, so nothing that is swapped meanwhile can lead out.
 */
export async function walkTo<Output>(
  workspace: Workspace,
  requested: string,
  options: WalkOptions,
  use: (place: Place) => Promise<ToolOutcome<Output>>,
): Promise<ToolOutcome<Output>> {
  const lexical = lexicalPath(requested);
  if (lexical.status === "refused") return lexical;
  const levels: Level[] = [];
  try {
    const root = await open(workspace.root, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    levels.push({ handle: root, name: "", stats: await root.stat() });
    const end = await walk(workspace, requested, lexical.output, options, levels);
    if (end.status === "refused") return end;
    const outside = constraintFault(workspace, end.output.path);
    return outside ?? (await use(end.output));
  } catch (error) {
    return ioFault(error, requested);
  } finally {
    await Promise.all(levels.map(({ handle }) => handle.close()));
  }
}

async function walk(
  workspace: Workspace,
  requested: string,
  components: readonly string[],
  options: WalkOptions,
  levels: Level[],
): Promise<ToolOutcome<Place>> {
  const pending = [...components];
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === "..") {
      if (levels.length === 1) return leadsOut(requested);
      await levels.pop()?.handle.close();
      continue;
    }
    const path = `${pathOf(top(levels).handle)}/${name}`;
    const next = await openEntry(path);
    if (next === null) {
      if (pending.length === 0) return { status: "done", output: placeOf(levels, name, null) };
      if (options.makeDirectories !== true) return notFound(requested);
      const fault = constraintFault(workspace, [...namesOf(levels), name, ...pending].join("/"));
      if (fault !== null) return fault;
      await makeDirectory(path, top(levels).stats);
      pending.unshift(name);
      continue;
    }
    levels.push({ handle: next.handle, name, stats: next.stats });
    if (next.stats.isSymbolicLink()) {
      await levels.pop()?.handle.close();
      const link = await linkTarget(path, requested, options);
      if (link.status === "refused") return link;
      links += 1;
      if (links > mostLinks) return refused("wrong_kind", `${quoted(requested)} goes through too many symbolic links`);
      if (link.output.absolute) for (const level of levels.splice(1)) await level.handle.close();
      pending.unshift(...link.output.components);
    } else if (!next.stats.isDirectory() && pending.length > 0) {
      return refused("wrong_kind", `${quoted(namesOf(levels).join("/"))} is not a directory`);
    }
  }
  const last = top(levels);
  if (levels.length === 1) return { status: "done", output: placeOf(levels, null, last) };
  return { status: "done", output: placeOf(levels.slice(0, -1), last.name, last) };
}

async function openEntry(path: string): Promise<{ handle: FileHandle; stats: Stats } | null> {
  try {
    const handle = await open(path, O_PATH | constants.O_NOFOLLOW);
    try {
      return { handle, stats: await handle.stat() };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}

async function makeDirectory(path: string, like: Stats): Promise<void> {
  try {
    await mkdir(path, 0o755);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    throw error;
  }
  if (process.getuid?.() !== 0) return;
  // Through a handle, so that a link put there meanwhile is not what changes hands.
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  try {
    await chown(pathOf(handle), like.uid, like.gid);
  } finally {
    await handle.close();
  }
}

async function linkTarget(
  path: string,
  requested: string,
  options: WalkOptions,
): Promise<ToolOutcome<{ absolute: boolean; components: string[] }>> {
  if (!options.followLinks)
    return refused("wrong_kind", `${quoted(requested)} goes through a symbolic link: write to the file it points to`);
  const target = await readlink(path);
  if (!target.startsWith("/")) return { status: "done", output: { absolute: false, components: split(target) } };
  // Absolute links made inside the sandbox are written with the root's name there.
  const inside = relativeTo(workspaceMount, posix.normalize(target));
  return inside === null
    ? leadsOut(requested)
    : { status: "done", output: { absolute: true, components: split(inside) } };
}

const split = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

function placeOf(parents: readonly Level[], name: string | null, found: Level | null): Place {
  const holder = top(parents);
  const root = parents[0] ?? holder;
  return {
    path: [...namesOf(parents), ...(name === null ? [] : [name])].join("/") || ".",
    parent: name === null ? null : { path: pathOf(holder.handle), name },
    found: found === null ? null : { path: pathOf(found.handle), stats: found.stats },
    owner: { uid: root.stats.uid, gid: root.stats.gid },
  };
}

function constraintFault(workspace: Workspace, path: string): ToolFault | null {
  if (isAllowed(workspace, split(path))) return null;
  return refused("not_allowed", `${quoted(path)} is outside what this agent may touch: ${allowedText(workspace)}`);
}

const pathOf = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`;
const namesOf = (levels: readonly Level[]): string[] => levels.slice(1).map(({ name }) => name);

function top(levels: readonly Level[]): Level {
  const level = levels.at(-1);
  if (level === undefined) throw new Error("a walk holds at least the root");
  return level;
}

const leadsOut = (requested: string): ToolFault =>
  refused("outside_workspace", `${quoted(requested)} goes through a symbolic link that leads out of the workspace`);

const notFound = (requested: string): ToolFault =>
  refused("not_found", `${quoted(requested)} does not exist: list_directory shows what does`);

/** The system's refusal as a sentence, without paths of this machine. */
export function ioFault(error: unknown, requested: string): ToolFault {
  const code = errnoOf(error);
  if (code === undefined) throw error;
  if (code === "ENOENT") return notFound(requested);
  if (code === "ENOTDIR" || code === "EISDIR" || code === "ELOOP")
    return refused("wrong_kind", `${quoted(requested)} changed while it was looked at (${code}): try again`);
  return refused("io", `${quoted(requested)}: the system refuses it (${code})`);
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
