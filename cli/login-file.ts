import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Shell } from "./shell.ts";

const savedLogin = z.object({ api_url: z.string(), token: z.string(), email: z.string().optional() });

/** Who is logged in, and where. */
export type SavedLogin = z.infer<typeof savedLogin>;

/** Where the login is kept: `POWERLOOM_HOME`, else the user's configuration directory. */
function loginPath(env: Shell["env"]): string {
  if (env["POWERLOOM_HOME"]) return join(env["POWERLOOM_HOME"], "login.json");
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "powerloom", "login.json");
}

/** The saved login, or undefined when there is none that can be read. */
export async function readLogin(env: Shell["env"]): Promise<SavedLogin | undefined> {
  try {
    return savedLogin.parse(JSON.parse(await readFile(loginPath(env), "utf8")));
  } catch {
    return undefined;
  }
}

/** Saves the login for its owner alone. Renamed into place, so that its mode is right from the first byte. */
export async function saveLogin(env: Shell["env"], login: SavedLogin): Promise<string> {
  const path = loginPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(login, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
  return path;
}
