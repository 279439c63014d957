import { chmod, lchown, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { PowerloomError } from "../../core/errors.ts";
import { lexicalPath } from "./lexical-path.ts";

/** The one directory that a run's tools may touch. */
export interface Workspace {
  /** Absolute, without links. */
  root: string;
  /** Below which directories or files the file tools stay, as components from the root; null: all of it. */
  allowed: readonly (readonly string[])[] | null;
}

/** Whom files belong to when the worker is root: nobody's processes then run commands, never root's. */
const unprivilegedId = 65_534;

/**
 * Makes the directory of a new run, readable by its owner only. Before anything runs in it: what is already there is
 * handed over too, and that walk is not safe against somebody changing the tree meanwhile.
 */
export async function createWorkspace(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  if (process.getuid?.() === 0) await handOver(directory);
}

async function handOver(directory: string): Promise<void> {
  await lchown(directory, unprivilegedId, unprivilegedId);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await handOver(path);
    else await lchown(path, unprivilegedId, unprivilegedId);
  }
}

/**
 * @param allowedPaths a definition's path constraint, relative to the workspace; "/workspace" is all of it
 * @throws PowerloomError `not_found` when the directory is missing, `invalid_input` when a constraint leads out of it
 */
export async function openWorkspace(directory: string, allowedPaths?: readonly string[]): Promise<Workspace> {
  const root = await realpath(directory).catch((cause: unknown) => {
    throw new PowerloomError("not_found", "the run's workspace does not exist", {}, { cause });
  });
  if (!(await stat(root)).isDirectory()) throw new PowerloomError("not_found", "the run's workspace is no directory");
  return { root, allowed: allowedPaths === undefined ? null : allowedPaths.map(components) };
}

function components(path: string): readonly string[] {
  const lexical = lexicalPath(path);
  if (lexical.status === "done") return lexical.output;
  throw new PowerloomError("invalid_input", `path constraint: ${lexical.message}`);
}

/** Is this place (components from the root, links already resolved) within the definition's path constraint? */
export function isAllowed(workspace: Workspace, place: readonly string[]): boolean {
  return (
    workspace.allowed === null ||
    workspace.allowed.some((prefix) => prefix.every((component, index) => place[index] === component))
  );
}

/** The constraint as a message says it. */
export const allowedText = (workspace: Workspace): string =>
  (workspace.allowed ?? []).map((prefix) => prefix.join("/") || ".").join(", ") || "nothing";
