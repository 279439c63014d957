import { posix } from "node:path";
import { canonicalJson, digestOf, sha256Hex } from "../core/canonical.ts";
import { lexicalPath, workspaceMount } from "./workspace/lexical-path.ts";

/** What an elevation would cover, short enough to show to the person who decides. */
export type ContextKey =
  | { directory: string }
  | { command: string }
  | { arguments: unknown }
  | { begins: string; sha256: string };

/** Longer values are shown by their beginning and told apart by their digest. */
const longest = 2_000;

/**
 * The part of a call that an elevation is about: the directory for file tools, the command for execute_command, all
 * arguments for every other tool. Two calls share a key only when approving one may approve the other.
 */
export function contextKey(tool: string, args: unknown): ContextKey {
  switch (tool) {
    case "read_file":
    case "write_file":
      return { directory: posix.dirname(normalised(textOf(args, "path", ""))) };
    case "list_directory":
      return { directory: normalised(textOf(args, "path", ".")) };
    case "execute_command":
      return short(trimmed(textOf(args, "command", "")), (command) => ({ command }));
    default:
      return canonicalJson(args ?? {}).length > longest
        ? short(canonicalJson(args ?? {}), (text) => ({ arguments: text }))
        : { arguments: args ?? {} };
  }
}

/** Lower-case hex SHA-256 that identifies (agent, tool, key); equal for equal keys, whatever the order of members. */
export function contextHash(agent: string, tool: string, key: ContextKey): string {
  return digestOf({ agent, tool, key });
}

/** Outside paths keep their own key, so that an elevation for the root never covers one. */
function normalised(path: string): string {
  const lexical = lexicalPath(path);
  return lexical.status === "done" ? lexical.output.join("/") || "." : posix.resolve(workspaceMount, path);
}

/**
 * White space at the ends says nothing, except after a backslash. Inside it may: `rm "a  b"` and `rm "a b"` are two
 * commands.
 */
function trimmed(command: string): string {
  const text = command.trimStart();
  const end = text.trimEnd();
  return end.endsWith("\\") ? text : end;
}

function short(text: string, whole: (text: string) => ContextKey): ContextKey {
  return text.length <= longest ? whole(text) : { begins: text.slice(0, 200).toWellFormed(), sha256: sha256Hex(text) };
}

function textOf(args: unknown, member: string, otherwise: string): string {
  if (typeof args !== "object" || args === null || !Object.hasOwn(args, member)) return otherwise;
  const value: unknown = Reflect.get(args, member);
  return typeof value === "string" ? value : otherwise;
}
