import { createHash } from "node:crypto";

/** Neither sent nor written: version control, installed packages, our own state. */
const unwanted: ReadonlySet<string> = new Set([".git", "node_modules", ".powerloom"]);

/** Whether a file or directory of this name stays out of a run. Upper and lower case are one on some file systems. */
export function isUnwanted(name: string): boolean {
  return unwanted.has(name.toLowerCase());
}

/** Whether a path is relative and plain: nothing in it leads out of the directory it is joined to. */
export function isPlainPath(path: string): boolean {
  if (path === "" || path.length > 1024 || /[\0\\]/.test(path) || !path.isWellFormed()) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** What a file holds, in short. */
export function contentDigest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
