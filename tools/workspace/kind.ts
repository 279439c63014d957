import type { Stats } from "node:fs";
import { refused, type ToolFault } from "../outcome.ts";
import { quoted } from "./lexical-path.ts";

/** Refuses everything that is no regular file, saying what it is and what to do instead. */
export function notAFile(path: string, stats: Stats): ToolFault | null {
  if (stats.isFile()) return null;
  if (stats.isDirectory()) return refused("wrong_kind", `${quoted(path)} is a directory: use list_directory`);
  return refused("wrong_kind", `${quoted(path)} is ${nameOf(stats)}: only regular files can be used`);
}

function nameOf(stats: Stats): string {
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return "a device";
}
