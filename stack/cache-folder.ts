import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What can be made again and is worth keeping, for every stack of a user: `${XDG_CACHE_HOME:-~/.cache}/powerloom`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "powerloom");
}

/** The user's cache folder, or one in the state directory where there is no home to write to. */
export function writableCacheFolder(env: NodeJS.ProcessEnv, stateDirectory: string): string {
  const folder = cacheFolder(env);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  } catch {
    return join(stateDirectory, "cache");
  }
}
