import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import { type LoadedDefinitions, loadDefinitions } from "../../contracts/agent-definition-file.ts";
import { digestOf } from "../../core/canonical.ts";
import { print } from "../answer.ts";
import { addGlobalOptions, type GlobalOptions } from "../connection.ts";
import { groupOf } from "../derived-commands.ts";
import { exampleText } from "../examples.ts";
import { Exit, exitCodes, usageFailure } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { oneLine } from "../printable.ts";
import type { Shell } from "../shell.ts";

/** `agents validate`: whether files of agent definitions are sound, all faults at once, without any server. */
export function addAgentsValidate(program: Command, shell: Shell): void {
  const command = addGlobalOptions(groupOf(program, "agents").command("validate"))
    .description("Check files of agent definitions, without any server")
    .argument("[path...]", "files, or directories of .yaml files; they are checked together", ["agents"])
    .addHelpText("after", exampleText(["agents validate", "agents validate agents/planner.yaml --json"]));
  command.action(async (paths: string[]) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const sources = await Promise.all((await filesOf(paths)).map(read));
    const loaded = loadDefinitions(sources);
    print(shell, options.json, answerOf(loaded), (paint) => sentences(loaded, sources.length, paint));
    if (loaded.faults.length > 0) throw new Exit(exitCodes.failed);
  });
}

async function read(file: string): Promise<{ file: string; text: string }> {
  try {
    return { file, text: await readFile(file, "utf8") };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The files of these paths, each once: directories with all that is below them. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const path of paths) {
    const found = await stat(path).catch((error: unknown) => {
      throw unreadable(path, error);
    });
    if (!found.isDirectory()) files.add(path);
    else for (const file of await definitionsBelow(path)) files.add(file);
  }
  return [...files];
}

async function definitionsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name));
  if (files.length === 0) throw usageFailure(`there are no .yaml files in ${directory}`);
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

function unreadable(path: string, error: unknown): Error {
  return usageFailure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
}

function answerOf({ definitions, faults }: LoadedDefinitions) {
  return {
    valid: faults.length === 0,
    definitions: definitions.map((definition) => ({
      id: definition.id,
      role: definition.role,
      model: modelOf(definition),
      digest: digestOf(definition),
    })),
    faults,
  };
}

function modelOf({ role, role_bindings: bindings }: AgentDefinition): string {
  return bindings[role] ?? "";
}

function sentences({ definitions, faults }: LoadedDefinitions, files: number, paint: Paint): string[] {
  if (faults.length === 0)
    return [
      ...definitions.map((definition) => {
        const { id, role } = definition;
        return `${paint("green", "✓")} ${oneLine(id)} ${paint("dim", `${oneLine(role)}, ${oneLine(modelOf(definition))}`)}`;
      }),
      `${counted(definitions.length, "definition")} in ${counted(files, "file")}: no faults`,
    ];
  return [
    ...faults.map(({ file, line, column, path, message }) => {
      const place = paint("bold", `${oneLine(file)}:${line}:${column}`);
      return `${place} ${path === "" ? "" : `${paint("dim", `${oneLine(path)}:`)} `}${oneLine(message)}`;
    }),
    `${paint("red", "✗")} ${counted(faults.length, "fault")} in ${counted(new Set(faults.map(({ file }) => file)).size, "file")}`,
  ];
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
