import { Ajv2020 } from "ajv/dist/2020.js";
import { type DefinitionFault, didYouMean } from "./definition-fault.ts";

type Path = readonly (string | number)[];

const settings = {
  allErrors: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  validateFormats: false,
} as const;

/** Judges schemas, and takes none up: compiling what it judges by takes longer than all else here, and is done once. */
const judge = new Ajv2020(settings);

/**
 * What is wrong with a JSON Schema (draft 2020-12) of a definition: what it is itself, and what the model's structured
 * output needs: an object at the root, and each object saying whether it takes more than its properties.
 */
export function schemaFaults(
  field: "input_schema" | "output_schema",
  schema: Record<string, unknown>,
): DefinitionFault[] {
  const faults = [...rootFaults(field, schema), ...(field === "output_schema" ? openObjects([field], schema) : [])];
  try {
    if (judge.validateSchema(schema) !== true) {
      const own = (judge.errors ?? []).map(({ instancePath, message }) => ({
        path: [field, ...pointer(instancePath)],
        message: `is no JSON Schema: ${message ?? "invalid"}`,
      }));
      return [...faults, ...firstOfEach(own)];
    }
    // A compiler of its own for each: `$id` of one schema must not be taken by another.
    new Ajv2020({ ...settings, validateSchema: false }).compile(schema);
    return faults;
  } catch (error) {
    return [...faults, compileFault(field, schema, error instanceof Error ? error.message : String(error))];
  }
}

function rootFaults(field: string, schema: Record<string, unknown>): DefinitionFault[] {
  if (schema["type"] !== "object")
    return [{ path: [field], message: `\`${field}\` must describe an object: write \`type: object\`` }];
  return [];
}

/** Objects with properties that leave open what else they take. */
function openObjects(path: Path, schema: unknown): DefinitionFault[] {
  if (typeof schema !== "object" || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap((item, index) => openObjects([...path, index], item));
  const node = schema as Record<string, unknown>;
  const root = path.length === 1;
  const handled = root ? node["additionalProperties"] === false : Object.hasOwn(node, "additionalProperties");
  const open =
    node["type"] !== "object" || handled
      ? []
      : [
          {
            path,
            message: `${root ? "the output" : "each object in it"} must say \`additionalProperties: ${root ? "false" : "false` or `true"}\``,
          },
        ];
  const below = Object.entries(node).flatMap(([key, value]) => {
    if (key === "properties" || key === "$defs" || key === "patternProperties")
      return Object.entries(typeof value === "object" && value !== null ? value : {}).flatMap(([name, inner]) =>
        openObjects([...path, key, name], inner),
      );
    return ["items", "prefixItems", "anyOf", "oneOf", "allOf"].includes(key) ? openObjects([...path, key], value) : [];
  });
  return [...open, ...below];
}

const keywords = (
  "$ref $defs $id $schema type properties required additionalProperties items prefixItems enum const description title " +
  "default examples format pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength " +
  "minItems maxItems uniqueItems minProperties maxProperties anyOf oneOf allOf not patternProperties propertyNames"
).split(" ");

function compileFault(field: string, schema: Record<string, unknown>, message: string): DefinitionFault {
  const unknown = /unknown keyword: "([^"]*)"/.exec(message)?.[1];
  if (unknown === undefined) return { path: [field], message: `is no JSON Schema: ${message}` };
  const path = pathOfKey([field], schema, unknown) ?? [field];
  return { path, atKey: true, message: `\`${unknown}\` is no keyword of JSON Schema${didYouMean(unknown, keywords)}` };
}

function pathOfKey(path: Path, value: unknown, key: string): Path | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!Array.isArray(value) && Object.hasOwn(value, key) && path.at(-1) !== "properties") return [...path, key];
  for (const [name, inner] of Object.entries(value)) {
    const found = pathOfKey([...path, Array.isArray(value) ? Number(name) : name], inner, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** RFC 6901. */
function pointer(text: string): string[] {
  return text
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

// One wrong `type` fails several branches of the meta-schema; the first says it.
function firstOfEach(faults: readonly DefinitionFault[]): DefinitionFault[] {
  const seen = new Set<string>();
  return faults.filter(({ path }) => {
    const key = path.join("\0");
    return !seen.has(key) && seen.add(key);
  });
}
