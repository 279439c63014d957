import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

/**
 * The web console as files, built when its sources have changed since it last was (a few seconds).
 * @param cacheDirectory where builds are kept, each under the digest of all it is made from
 * @returns the folder, or why there is none: what it is built with is a development dependency
 */
export async function builtConsole(
  cacheDirectory: string,
): Promise<{ ok: true; folder: string } | { ok: false; reason: string }> {
  const folder = join(cacheDirectory, `console-${await digestOfSources()}`);
  if (existsSync(folder)) return { ok: true, folder };
  if (!existsSync(join(root, "node_modules/vite")))
    return { ok: false, reason: "it is built with development dependencies, which are not installed (npm ci)" };
  await mkdir(cacheDirectory, { recursive: true });
  // Built beside, then renamed: nobody is served half a build.
  const partial = await mkdtemp(`${folder}-`);
  try {
    await run(process.execPath, [join(root, "scripts/build-console.ts"), partial], {
      cwd: root,
      // Whatever starts this stack, people are served what is made for production.
      env: { ...process.env, NODE_ENV: "production" },
    });
    await rename(partial, folder).catch((error: unknown) => {
      // Another process was quicker.
      if (!existsSync(folder)) throw error;
    });
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : "the build failed" };
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return { ok: true, folder };
}

async function digestOfSources(): Promise<string> {
  const files = ["package-lock.json", "scripts/build-console.ts"];
  for (const directory of ["console", "contracts", "core"])
    for (const entry of await readdir(join(root, directory), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(root.length);
      if (entry.isFile() && !path.startsWith("console/dist/")) files.push(path);
    }
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(`${file}\0`).update(await readFile(join(root, file)));
  return hash.digest("hex").slice(0, 24);
}
