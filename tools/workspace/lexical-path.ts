import { posix } from "node:path";
import { refused, type ToolOutcome } from "../outcome.ts";

/** What the workspace root is called towards agents; inside the sandbox it is mounted there. */
export const workspaceMount = "/workspace";

/**
 * The components of a path as an agent writes it, relative to the workspace root; `[]` is the root. `..` is taken
 * away before any link is looked at, so that a path means the same here and in the key of an elevation.
 */
export function lexicalPath(path: string): ToolOutcome<string[]> {
  if (path.includes("\0")) return refused("invalid_arguments", "a path cannot contain the character NUL");
  // Linux: PATH_MAX and NAME_MAX.
  if (Buffer.byteLength(path) > 4_096) return refused("invalid_arguments", "a path has at most 4096 bytes");
  const normal = posix.normalize(posix.join(path.startsWith("/") ? "" : workspaceMount, path === "" ? "." : path));
  const inside = relativeTo(workspaceMount, normal);
  if (inside === null)
    return refused(
      "outside_workspace",
      `${quoted(path)} is outside the workspace: give a path relative to its root, such as src/main.ts`,
    );
  const components = inside.split("/").filter((component) => component !== "");
  if (components.some((component) => Buffer.byteLength(component) > 255))
    return refused("invalid_arguments", "a file name has at most 255 bytes");
  return { status: "done", output: components };
}

/** What follows `parent` in `path`, or null when the path is not below it. Both normalised. */
export function relativeTo(parent: string, path: string): string | null {
  if (path === parent || path === `${parent}/`) return "";
  return path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : null;
}

/** A path in a message, cut so that a very long one does not fill the model's context. */
export const quoted = (path: string): string => JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
