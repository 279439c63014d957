import { isShellPath } from "./shell-paths.ts";

const longest = 1_000;
/** Visible ASCII without the backslash, which browsers read as a slash. The second character must not make it another host. */
const localPath = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/;

/** Where to go after signing in: a page of the console. Whatever else was asked for, its start. */
export function safeReturnTo(wanted: unknown): string {
  if (typeof wanted !== "string" || wanted.length > longest || !localPath.test(wanted)) return "/";
  const { pathname } = new URL(wanted, "http://localhost");
  return isShellPath(pathname) ? wanted : "/";
}
