import { accessSync, constants } from "node:fs";

/** The programs that make the sandbox, as absolute paths. The last three are needed as root only. */
export interface SandboxPrograms {
  bwrap: string;
  prlimit: string;
  unshare: string;
  mount: string;
  setpriv: string;
}

/** Fixed directories: what PATH names may belong to anybody. */
const directories = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];

export function findProgram(name: string): string | null {
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable) ?? null;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
