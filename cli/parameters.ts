import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandParameter, CommandSpec } from "../contracts/generated/commands.ts";
import { pathSegment } from "../contracts/path-segment.ts";
import type { ApiRequest } from "./api-client.ts";
import { usageFailure } from "./failure.ts";

/** `agent_id` → `--agent-id`; its attribute is found by commander. */
const flagOf = (parameter: CommandParameter) => `--${parameter.name.replaceAll("_", "-")}`;
const attributeOf = (parameter: CommandParameter) => new Option(flagOf(parameter)).attributeName();

/** Declares a spec's parameters on a command: path parameters by place or by name, the others by name. */
export function addParameters(command: Command, spec: CommandSpec): Command {
  const inPath = spec.params.filter((parameter) => parameter.in === "path");
  // Optional for commander, because each may be given by name instead; what is missing is said when the request is built.
  for (const parameter of inPath) command.argument(`[${parameter.name}]`, describe(parameter));
  const places = inPath.map((parameter) => `<${parameter.name}>`);
  command.usage([...places, "[options]"].join(" "));
  for (const parameter of inPath) command.addOption(optionFor(parameter).hideHelp());
  for (const parameter of spec.params) {
    if (parameter.in === "path") continue;
    command.addOption(optionFor(parameter));
    if (parameter.type === "boolean") command.addOption(new Option(`--no-${flagOf(parameter).slice(2)}`));
  }
  if (spec.params.some((parameter) => parameter.in === "body" && parameter.type === "string"))
    command.addOption(
      new Option("--from-file <field=path>", "read a text field from a file, e.g. content=SKILL.md").argParser(
        (text: string, before: string[] | undefined) => [...(before ?? []), text],
      ),
    );
  return command;
}

function describe(parameter: CommandParameter): string {
  const text = parameter.description ?? (parameter.name === "agent_id" ? "Id or name" : "");
  const notes = [
    parameter.required && parameter.in !== "path" ? "required" : "",
    parameter.default === undefined || parameter.default === "" ? "" : `default: ${JSON.stringify(parameter.default)}`,
    parameter.type === "array" ? "comma-separated or repeated" : "",
    parameter.nullable === true ? "none: null" : "",
  ].filter((note) => note !== "");
  return notes.length === 0 ? text : `${text}${text === "" ? "" : " "}(${notes.join("; ")})`;
}

function optionFor(parameter: CommandParameter): Option {
  const flag = flagOf(parameter);
  if (parameter.type === "boolean") return new Option(flag, describe(parameter));
  const option = new Option(`${flag} <${parameter.items ?? parameter.type}>`, describe(parameter));
  if (parameter.enum !== undefined) return option.choices(parameter.enum);
  switch (parameter.type) {
    case "integer":
    case "number":
      return option.argParser((text) =>
        parameter.nullable === true && text === "none" ? null : number(text, parameter.type === "integer"),
      );
    case "array":
      return option.argParser(collect);
    case "object":
      return option.argParser(json);
    case "string":
      return option;
  }
}

function number(text: string, whole: boolean): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && (!whole || Number.isInteger(value))) return value;
  throw new InvalidArgumentError(whole ? "It must be a whole number." : "It must be a number.");
}

function collect(text: string, before: string[] | undefined): string[] {
  return [
    ...(before ?? []),
    ...text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  ];
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It must be JSON.");
  }
}

/** The request that arguments and options ask for. Throws a usage failure naming everything that is missing. */
export async function requestFor(
  spec: CommandSpec,
  places: readonly (string | undefined)[],
  options: Record<string, unknown>,
  resolveAgent: (reference: string) => Promise<string>,
): Promise<ApiRequest> {
  const values = new Map<string, unknown>();
  const remaining = places.filter((place) => place !== undefined);
  for (const parameter of spec.params) {
    const given = options[attributeOf(parameter)];
    if (given !== undefined) values.set(parameter.name, given);
    else if (parameter.in === "path" && remaining.length > 0) values.set(parameter.name, remaining.shift());
  }
  if (remaining.length > 0) throw usageFailure(`'${remaining[0]}' is one argument too many`);
  await addFiles(spec, options["fromFile"], values);

  const missing = spec.params.filter((parameter) => parameter.required && !values.has(parameter.name));
  if (missing.length > 0) throw usageFailure(`missing ${missing.map(nameOf).join(", ")}`);

  for (const parameter of spec.params) {
    const value = values.get(parameter.name);
    if (parameter.in === "path") segmentOf(parameter.name, String(value));
    if (parameter.name === "agent_id" && typeof value === "string") values.set("agent_id", await resolveAgent(value));
  }

  const of = (place: CommandParameter["in"]) =>
    spec.params.filter((parameter) => parameter.in === place && values.has(parameter.name));
  const object = (place: "query" | "body") =>
    Object.fromEntries(of(place).map((parameter) => [parameter.name, values.get(parameter.name)]));
  const path = of("path").reduce(
    (text, { name }) => text.replace(`:${name}`, () => segmentOf(name, String(values.get(name)))),
    spec.path,
  );
  return {
    method: spec.method,
    path,
    query: object("query"),
    ...(spec.method === "POST" || spec.method === "PATCH" ? { body: object("body") } : {}),
  };
}

/** A value as a segment of a path. Throws a usage failure when it cannot be one. */
export function segmentOf(name: string, value: string): string {
  const segment = pathSegment(value);
  if (segment === undefined) throw usageFailure(`'${value}' is no ${name}`);
  return segment;
}

function nameOf(parameter: CommandParameter): string {
  return parameter.in === "path" ? `<${parameter.name}>` : flagOf(parameter);
}

async function addFiles(spec: CommandSpec, given: unknown, values: Map<string, unknown>): Promise<void> {
  for (const item of Array.isArray(given) ? (given as string[]) : []) {
    const [, name = "", path = ""] = /^([^=]+)=(.+)$/.exec(item) ?? [];
    const field = name.replaceAll("-", "_");
    const parameter = spec.params.find((one) => one.name === field && one.in === "body" && one.type === "string");
    if (parameter === undefined) throw usageFailure(`--from-file takes <field>=<path> of a text field, not '${item}'`);
    if (values.has(field)) throw usageFailure(`${flagOf(parameter)} is given twice`);
    try {
      values.set(field, await readFile(path, "utf8"));
    } catch (error) {
      throw usageFailure(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
