import { z } from "zod";
import { type AgentDefinition, agentDefinition } from "./agent-definition.ts";
import { type DefinitionFault, didYouMean } from "./definition-fault.ts";

/** The fields of a definition that are well formed, and the faults of the others. */
export interface ReadFields {
  fields: Partial<AgentDefinition>;
  faults: DefinitionFault[];
}

/** Reads field by field, so that one fault hides no other: what rests on sound fields can still be checked. */
export function readFields(raw: Readonly<Record<string, unknown>>): ReadFields {
  const shape = agentDefinition.shape;
  const names = Object.keys(shape);
  const faults = Object.keys(raw)
    .filter((key) => !names.includes(key))
    .map((key) => unknownKey([], key, names));
  const fields: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(shape)) {
    const given = Object.hasOwn(raw, name) ? raw[name] : undefined;
    const read = schema.safeParse(given);
    if (read.success) fields[name] = read.data;
    else if (given === undefined) faults.push({ path: [name], message: `\`${name}\` is missing` });
    else faults.push(...read.error.issues.flatMap((issue) => faultsOf(issue, [name], schema, given)));
  }
  return { fields: fields as Partial<AgentDefinition>, faults };
}

type Path = readonly (string | number)[];

function unknownKey(path: Path, key: string, known: readonly string[]): DefinitionFault {
  const hint = didYouMean(key, known) || `; known are ${known.join(", ")}`;
  return { path: [...path, key], atKey: true, message: `unknown key \`${key}\`${hint}` };
}

function faultsOf(issue: z.core.$ZodIssue, base: Path, schema: z.core.$ZodType, value: unknown): DefinitionFault[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
  const here = at(value, issue.path);
  const name = `\`${String(path.at(-1))}\``;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key, keysAt(schema, issue.path, value)));
    case "invalid_union": {
      // A discriminator that is missing or unknown.
      if (issue.errors.length === 0) {
        const known = "options" in issue ? (issue.options ?? []).map(String) : [];
        return [{ path, message: here === undefined ? `${name} is missing: ${known.join(", ")}` : oneOf(here, known) }];
      }
      const nearest = issue.errors.toSorted(
        (one, other) => one.length - other.length || unknowns(one) - unknowns(other),
      );
      return (nearest[0] ?? []).flatMap((inner) =>
        faultsOf({ ...inner, path: [...issue.path, ...inner.path] }, base, schema, value),
      );
    }
    case "invalid_value":
      return [{ path, message: oneOf(here, issue.values.map(String)) }];
    case "too_small":
      return [
        { path, message: `${sizeOf(here)} must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}` },
      ];
    case "too_big":
      return [
        { path, message: `${sizeOf(here)} must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}` },
      ];
    case "invalid_type":
      if (here === undefined) return [{ path, message: `${name} is missing` }];
      return [{ path, message: `must be ${article(issue.expected)}, and is ${kindOf(here)}` }];
    case "invalid_key":
      return [{ path, atKey: true, message: issue.issues.map(({ message }) => message).join("; ") }];
    case "invalid_format":
      return [{ path, message: `${shown(here)} is not valid: ${issue.message}` }];
    case "not_multiple_of":
    case "invalid_element":
    case "custom":
      return [{ path, message: issue.message }];
  }
}

function oneOf(value: unknown, known: readonly string[]): string {
  return `${shown(value)} is not one of ${known.join(", ")}${didYouMean(String(value), known)}`;
}

function unknowns(issues: readonly z.core.$ZodIssue[]): number {
  return issues.filter(({ code }) => code === "unrecognized_keys").length;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}

/** The keys that a schema knows at a path. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return keysAt(schema.unwrap(), path, value);
  if (schema instanceof z.ZodDiscriminatedUnion || schema instanceof z.ZodUnion) {
    const fitting = schema.options.filter((option) => path.length > 0 || sameDiscriminator(option, value));
    return [
      ...new Set((fitting.length > 0 ? fitting : schema.options).flatMap((option) => keysAt(option, path, value))),
    ];
  }
  const [first, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (first === undefined) return Object.keys(schema.shape);
    const inner = schema.shape[String(first)];
    return inner === undefined ? [] : keysAt(inner, rest, at(value, [first]));
  }
  if (schema instanceof z.ZodArray && first !== undefined) return keysAt(schema.element, rest, at(value, [first]));
  return [];
}

function sameDiscriminator(option: z.core.$ZodType, value: unknown): boolean {
  if (!(option instanceof z.ZodObject)) return false;
  const type = option.shape["type"];
  return type instanceof z.ZodLiteral && type.values.has(at(value, ["type"]) as string);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return `\`${text.length > 60 ? `${text.slice(0, 59)}…` : text}\``;
}

function sizeOf(value: unknown): string {
  if (typeof value === "string") return "the number of characters";
  return Array.isArray(value) ? "the number of entries" : shown(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  return article(Array.isArray(value) ? "array" : typeof value);
}

const articles: Readonly<Record<string, string>> = {
  array: "a list",
  object: "a map",
  record: "a map",
  string: "text",
  int: "a whole number",
  number: "a number",
  boolean: "true or false",
};

function article(type: string): string {
  return articles[type] ?? type;
}
