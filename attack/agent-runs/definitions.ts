import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { agentsDirectory } from "../arena.ts";

/** What a definition says that its agent may use, read from its file and by nothing of the product. */
export interface Definition {
  role: string;
  tools: string[];
  delegates: string[];
  readOnly: boolean;
  /** Folders its file tools stay below; undefined when it has the whole workspace. */
  folders: string[] | undefined;
}

type Written = {
  id?: string;
  role: string;
  tools?: string[];
  delegates?: string[];
  constraints?: { type: string; paths?: string[] }[];
};

/** All definitions of the stack, by id. */
export function readDefinitions(): ReadonlyMap<string, Definition> {
  const folders = [agentsDirectory, fileURLToPath(new URL("../../agents", import.meta.url))];
  const found = new Map<string, Definition>();
  for (const folder of folders)
    for (const name of readdirSync(folder)) {
      const file = parse(readFileSync(join(folder, name), "utf8")) as Written & { agents?: Record<string, Written> };
      const all = file.agents === undefined ? [[file.id ?? "", file] as const] : Object.entries(file.agents);
      for (const [id, { role, tools = [], delegates = [], constraints = [] }] of all)
        found.set(id, {
          role,
          tools,
          delegates,
          readOnly: constraints.some(({ type }) => type === "read_only"),
          folders: constraints.find(({ type, paths }) => type === "path_constraint" && paths?.includes(".") !== true)
            ?.paths,
        });
    }
  return found;
}

/** Whether the definition lists the tool, or whom a delegation goes to. */
export function lists(
  { tools, delegates }: Definition,
  tool: string,
  args: Readonly<Record<string, unknown>>,
): boolean {
  if (tool === "delegate") return delegates.includes(String(args["agent"]));
  return tools.some((entry) => entry === tool || (entry.endsWith("__*") && tool.startsWith(entry.slice(0, -1))));
}

/** Where a file tool's path leads, by its words alone: undefined when out of the workspace. */
function placeOf(path: string): string | undefined {
  if (path.startsWith("/") && path !== "/workspace" && !path.startsWith("/workspace/")) return undefined;
  const parts: string[] = [];
  for (const part of path.replace(/^\/workspace/, "").split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Whether a path is one the definition's file tools may name. */
export function reaches({ folders }: Definition, path: string): boolean {
  const place = placeOf(path);
  if (place === undefined) return false;
  return folders === undefined || folders.some((folder) => `${place}/`.startsWith(`${folder}/`));
}
