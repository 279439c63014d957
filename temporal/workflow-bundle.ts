import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode } from "@temporalio/worker";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The workflow bundle, cached by the content of all it is made from (bundling takes 2 to 4 s).
 * @returns path of the bundle file
 */
export async function workflowBundle(cacheDirectory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of await sources()) hash.update(file).update(await readFile(join(root, file)));
  const path = join(cacheDirectory, `workflows-${hash.digest("hex").slice(0, 24)}.js`);
  if (existsSync(path)) return path;
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, "workflows/index.ts"),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
  });
  await mkdir(cacheDirectory, { recursive: true });
  // Written beside, then renamed: another process never reads half a bundle.
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, code);
  await rename(partial, path);
  return path;
}

async function sources(): Promise<string[]> {
  const files: string[] = ["package-lock.json"];
  for (const directory of ["workflows", "core"])
    for (const entry of await readdir(join(root, directory), { recursive: true, withFileTypes: true }))
      if (entry.isFile() && entry.name.endsWith(".ts"))
        files.push(join(entry.parentPath, entry.name).slice(root.length));
  return files.sort();
}
