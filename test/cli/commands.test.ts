import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../cli/program.ts";
import { processShell } from "../../cli/shell.ts";
import { actions } from "../../contracts/actions.ts";
import { type CommandSpec, commands } from "../../contracts/generated/commands.ts";
import { reads } from "../../contracts/reads.ts";
import { operations } from "../../operations/registry.ts";
import { renderCommands } from "../../scripts/generate.ts";
import { powerloom } from "./terminal.ts";

const program = createProgram(processShell());
const find = (words: string): Command | undefined =>
  words
    .split(" ")
    .reduce<Command | undefined>(
      (parent, word) => parent?.commands.find((command) => command.name() === word),
      program,
    );

const flagsOf = (spec: CommandSpec) => find(spec.command)?.options.map((option) => option.long);

describe("the command tree", () => {
  test.each([...reads, ...operations, ...actions])("$name has the command `$command`", ({ command, name }) => {
    expect(find(command)?.description()).toBeTruthy();
    expect(commands.find((spec) => spec.name === name)?.command).toBe(command);
  });

  test.each(["up", "reset", "init", "demo", "login", "bootstrap", "chat", "invoke", "mcp", "whoami", "audit export"])(
    "`%s` is there",
    (words) => {
      expect(find(words)).toBeDefined();
    },
  );

  test("every command of the API takes --json, --api and --token", () => {
    for (const spec of commands) expect(flagsOf(spec)).toEqual(expect.arrayContaining(["--json", "--api", "--token"]));
  });

  test("every operation can be tried, guarded, repeated and waited for", () => {
    const flags = ["--dry-run", "--if-match", "--wait", "--idempotency-key"];
    for (const spec of commands.filter(({ kind }) => kind === "operation"))
      expect(flagsOf(spec)).toEqual(expect.arrayContaining(flags));
  });

  test("every parameter of every declaration can be given by name", () => {
    for (const spec of commands)
      expect(flagsOf(spec)).toEqual(
        expect.arrayContaining(spec.params.map(({ name }) => `--${name.replaceAll("_", "-")}`)),
      );
  });

  test("no two commands have the same words", () => {
    const words = commands.map((spec) => spec.command);
    expect(new Set(words).size).toBe(words.length);
  });

  test("help shows how a command is called", async () => {
    const help = await powerloom(["agents", "create", "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Examples:");
    expect(help.stdout).toContain("powerloom agents create --name reviewer");
  });
});

test("generating the table again changes nothing", () => {
  const stored = readFileSync(new URL("../../contracts/generated/commands.ts", import.meta.url), "utf8");
  expect(stored).toBe(renderCommands());
});
