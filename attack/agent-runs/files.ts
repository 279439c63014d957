import { createHash } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { Arena } from "../arena.ts";
import type { RunScene } from "./scene.ts";

/** Parts of the stack that keep their own books in its directory. */
const books = /^(postgres|temporal|simulator|workspaces|compiled|cache)/;

/** Every file of the stack's directory that is nobody's book, of other people's workspaces and of the bait: path → digest. */
export async function readFiles(arena: Arena, { bait, others }: RunScene): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const take = async (folder: string, skip: RegExp | undefined): Promise<void> => {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      if (skip?.test(name)) continue;
      const stat = await lstat(path);
      if (stat.isDirectory()) await take(path, undefined);
      else
        files.set(
          path,
          stat.isFile()
            ? createHash("sha256")
                .update(await readFile(path))
                .digest("hex")
            : `mode ${stat.mode.toString(8)}`,
        );
    }
  };
  await take(arena.stateDirectory, books);
  await take(bait, undefined);
  for (const { id } of others) {
    const folder = join(arena.stateDirectory, "workspaces", id);
    // Another organisation's run has ended when its files are gone: it is held open.
    await take(folder, undefined);
  }
  return files;
}

/** What has been left, or changed, outside of the workspaces of the attack's own runs. */
export async function faultsOfFiles(
  arena: Arena,
  { marker }: RunScene,
  {
    before,
    after,
    roots,
  }: { before: ReadonlyMap<string, string>; after: ReadonlyMap<string, string>; roots: readonly string[] },
): Promise<string[]> {
  const faults = [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => `${path} is ${after.has(path) ? (before.has(path) ? "changed" : "new") : "gone"}`);
  const places = ["/", "/root", "/home", "/etc", "/tmp", "/var/tmp", "/usr/local", homedir(), tmpdir(), process.cwd()];
  const workspaces = join(arena.stateDirectory, "workspaces");
  const inside = (await readdir(workspaces))
    .filter((name) => !roots.includes(name))
    .map((name) => join(workspaces, name));
  for (const place of new Set([...places, arena.stateDirectory, workspaces, ...inside]))
    for (const name of await readdir(place).catch(() => [] as string[]))
      if (name.includes(marker)) faults.push(`${join(place, name)} was left outside of a workspace`);
  return faults;
}
