import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Tx } from "../../db/database.ts";
import type { RunRow } from "../../db/queries/runs.ts";
import { createWorkspace } from "../../tools/workspace/workspace.ts";
import type { RunDeps } from "./deps.ts";

/** Of a workspace, this much is kept when its run has ended. */
const mostFiles = 2_000;
const mostBytes = 20 * 1024 * 1024;
/** Bytes: an index entry of PostgreSQL holds no more than 2,700. */
const longestPath = 1_000;
const left: ReadonlySet<string> = new Set(["node_modules", ".git"]);

/** Where the runs of one tree work together. */
export function workspaceOf(
  deps: Pick<RunDeps, "workspaces">,
  run: { organisation_id?: string; root_run_id: string },
): string {
  return join(deps.workspaces, run.root_run_id, "files");
}

/** Lays out the files a tree of runs was given, once: the directory appears under its name only when it is complete. */
export async function prepareWorkspace(deps: RunDeps, organisationId: string, run: RunRow): Promise<void> {
  if (run.parent_run_id !== null || (await exists(workspaceOf(deps, run)))) return;
  const files = await deps.db.readOrganisation(organisationId, (sql) =>
    sql.rows<{ path: string; content: Buffer }>(
      "select path, content from run_files where run_id = $1 and stage = 'input' order by path",
      [run.id],
    ),
  );
  const target = workspaceOf(deps, run);
  const making = `${target}.${deps.newId()}`;
  await mkdir(making, { recursive: true });
  for (const { path, content } of files) {
    const file = join(making, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  await createWorkspace(making);
  await rename(making, target).catch(async (error: unknown) => {
    // Another attempt was first.
    await rm(making, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
  });
}

/** Keeps what a tree of runs has left, then removes its directory. */
export async function keepWorkspace(deps: RunDeps, tx: Tx, run: RunRow): Promise<{ files: number; leftOut: number }> {
  const root = workspaceOf(deps, run);
  if (!(await exists(root))) return { files: 0, leftOut: 0 };
  let kept = 0;
  let bytes = 0;
  let leftOut = 0;
  for await (const path of filesUnder(root, "")) {
    const takes = kept < mostFiles && Buffer.byteLength(path) <= longestPath;
    const content = takes ? await contentOf(join(root, path), mostBytes - bytes) : undefined;
    if (content === undefined) {
      leftOut += 1;
      continue;
    }
    kept += 1;
    bytes += content.length;
    tx.send(
      `insert into run_files (organisation_id, run_id, stage, path, content) values ($1, $2, 'output', $3, $4)
       on conflict do nothing`,
      [tx.organisationId, run.id, path, content],
    );
  }
  return { files: kept, leftOut };
}

/** What cannot be removed stays: commands of agents may take away every right to a directory. */
export async function removeWorkspace(deps: RunDeps, run: RunRow): Promise<void> {
  await rm(dirname(workspaceOf(deps, run)), { recursive: true, force: true }).catch((error: unknown) =>
    deps.log.warn({ err: error, run: run.id }, "a workspace could not be removed"),
  );
}

/**
 * A file's bytes; undefined when there are more, or when it cannot be read: agents leave files behind whose names are no
 * text, or that nobody may open, and no run may fail to end by them.
 */
async function contentOf(file: string, most: number): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(file);
    return size <= most ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}

/** Plain files only: nothing that a link could lead to. A directory that cannot be read stands for all that is in it. */
async function* filesUnder(root: string, below: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) yield below;
  for (const entry of entries ?? []) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory() && !left.has(entry.name)) yield* filesUnder(root, path);
    else if (entry.isFile()) yield path;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
