import { sha256Hex } from "../../core/canonical.ts";

/** Of a name as models may be offered it. */
const longestName = 64;
/** Longer names of servers would leave too little of the 64 for their tools. */
const longestServer = 40;

/** Whether tools of a server of this name can have names at all. */
export function canPrefix(server: string): boolean {
  return server.length <= longestServer;
}

/**
 * What the tools of a server are called in runs: `server__tool`. Names that models cannot be offered (other characters than
 * letters, digits, `_` and `-`, or more than 64 of them) are made to fit; where two would then be the same, and where one is
 * cut, a digest of the tool's own name tells them apart. The same tools always get the same names, in whatever order.
 * @returns the tool's own name → its name in runs
 */
export function namesInRuns(server: string, tools: readonly string[]): Map<string, string> {
  const prefix = `${server}__`;
  const room = longestName - prefix.length;
  const own = [...new Set(tools)].filter((tool) => tool !== "").sort();
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const give = (tool: string, name: string) => {
    names.set(tool, prefix + name);
    taken.add(name);
  };
  const fitting = (tool: string) => /^[a-zA-Z0-9_-]+$/.test(tool) && tool.length <= room;
  // A name that fits is nobody else's.
  for (const tool of own.filter(fitting)) give(tool, tool);
  const others = own.filter((tool) => !fitting(tool));
  const replaced = (tool: string) => tool.replaceAll(/[^a-zA-Z0-9_-]/g, "_");
  const shared = (name: string) => others.filter((tool) => replaced(tool) === name).length > 1;
  for (const tool of others) {
    const name = replaced(tool);
    if (name.length <= room && !taken.has(name) && !shared(name)) give(tool, name);
    else {
      const digest = sha256Hex(tool);
      const candidates = [8, 16].map((length) => `${name.slice(0, room - length - 1)}_${digest.slice(0, length)}`);
      const free = candidates.find((candidate) => !taken.has(candidate));
      if (free !== undefined) give(tool, free);
    }
  }
  return names;
}
