import { atPath, type Conversation, parseJson, type ToolResult } from "../conversation.ts";
import { resolvePath } from "./repair/find-fix.ts";

/** What has been read of a project so far. */
export interface Project {
  /** All files, or undefined before the folder was listed. */
  paths: string[] | undefined;
  /** Contents of the files that were read whole. */
  files: Map<string, string>;
  /** Files that could not be read, or not whole. */
  unreadable: Set<string>;
}

const testFile = /(?:^|\/)(?:[^/]+[.-](?:test|spec)|test|test-[^/]+)\.[cm]?js$/;
const importing = /\b(?:import|export)\b[^'"`;]*?\bfrom\s*["'](\.[^"']+)["']|\bimport\s*["'](\.[^"']+)["']/g;

/** Gathers from the tool results what is known of the project. */
export function readProject({ results }: Conversation): Project {
  const project: Project = { paths: undefined, files: new Map(), unreadable: new Set() };
  for (const result of results) {
    if (result.tool === "list_directory") project.paths = listed(result);
    if (result.tool === "read_file") readInto(project, result);
  }
  return project;
}

function listed({ text, isError }: ToolResult): string[] {
  const entries = atPath(parseJson(text), "entries");
  if (isError || !Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown) => {
    const path = atPath(entry, "path");
    return atPath(entry, "type") === "file" && typeof path === "string" ? [tidy(path)] : [];
  });
}

function readInto(project: Project, { input, text, isError }: ToolResult): void {
  const path = tidy(String(input["path"]));
  const result = parseJson(text);
  const content = atPath(result, "content");
  if (isError || typeof content !== "string" || atPath(result, "truncated") === true) project.unreadable.add(path);
  else project.files.set(path, content);
}

const tidy = (path: string): string => path.replace(/^\.\//, "");

/** The test files, those of dependencies aside. */
export function testsOf({ paths = [] }: Project): string[] {
  const own = paths.filter((path) => !path.split("/").includes("node_modules"));
  const inFolder = (path: string) => /(?:^|\/)(?:test|tests)\/[^/]+\.[cm]?js$/.test(path);
  const named = own.filter((path) => testFile.test(path));
  return named.length > 0 ? named : own.filter(inFolder);
}

/** The files that files import, among those that exist. */
export function importsOf({ paths = [], files }: Project, from: readonly string[]): string[] {
  const found = from.flatMap((path) =>
    [...(files.get(path) ?? "").matchAll(importing)].map(([, named, bare]) => resolvePath(path, named ?? bare ?? "")),
  );
  return [...new Set(found)].filter((path) => paths.includes(path));
}

/** How the project runs its tests. */
export function testCommand({ files }: Project): string {
  const script = atPath(parseJson(files.get("package.json") ?? ""), "scripts.test");
  return typeof script === "string" && script.trim() !== "" ? script : "node --test";
}
