import { schemaFault } from "../schema.ts";

type Schema = Record<string, unknown>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An answer that fits a schema: what is given where it fits, and the smallest values for the rest. */
export function completed(schema: Schema, given: unknown, words: string): unknown {
  const build = (part: unknown, own: unknown, depth: number): unknown => {
    const resolved = resolve(schema, part);
    if (
      own !== undefined &&
      schemaFault({ ...resolved, $defs: schema["$defs"] ?? {} }, JSON.stringify(own)) === undefined
    ) {
      return own;
    }
    return smallest(resolved, own, words, depth, build);
  };
  return build(schema, given, 0);
}

type Build = (part: unknown, own: unknown, depth: number) => unknown;

function smallest(schema: Schema, own: unknown, words: string, depth: number, build: Build): unknown {
  if (depth > 20) return null;
  if ("const" in schema) return schema["const"];
  if ("default" in schema) return schema["default"];
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices[0] as unknown;
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    const some = schema[word];
    if (Array.isArray(some)) return build(some[0], own, depth + 1);
  }
  const kinds = [schema["type"]].flat();
  switch (kinds[0] ?? ("properties" in schema ? "object" : "string")) {
    case "object":
      return smallestObject(schema, own, depth, build);
    case "array": {
      const least = Number(schema["minItems"] ?? 0);
      return Array.from({ length: least }, () => build(schema["items"] ?? {}, undefined, depth + 1));
    }
    case "string":
      return smallestText(schema, words);
    case "integer":
    case "number":
      return Number(schema["minimum"] ?? (Number(schema["exclusiveMinimum"] ?? -1) + 1 || 0));
    case "boolean":
      return false;
    default:
      return null;
  }
}

function smallestObject(schema: Schema, own: unknown, depth: number, build: Build): Record<string, unknown> {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
  const given = isSchema(own) ? own : {};
  const keys = Object.keys(properties).filter((key) => required.includes(key) || given[key] !== undefined);
  for (const key of required) if (!keys.includes(key)) keys.push(key);
  return Object.fromEntries(keys.map((key) => [key, build(properties[key] ?? {}, given[key], depth + 1)]));
}

function smallestText(schema: Schema, words: string): string {
  const text = words.padEnd(Number(schema["minLength"] ?? 0), ".");
  return schema["maxLength"] === undefined ? text : text.slice(0, Number(schema["maxLength"]));
}

// References within the schema itself; others are left as they are.
function resolve(root: Schema, part: unknown): Schema {
  if (!isSchema(part)) return {};
  const reference = part["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#/")) return part;
  let current: unknown = root;
  for (const key of reference.slice(2).split("/")) current = isSchema(current) ? current[key] : undefined;
  return isSchema(current) ? current : {};
}
