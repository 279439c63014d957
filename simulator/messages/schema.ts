import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import canonicalize from "canonicalize";
import { invalid } from "../http/errors.ts";
import { parseJson } from "./conversation.ts";

const kept = 100;
const compiled = new Map<string, ValidateFunction>();

/** Why a text is not JSON of this schema; undefined when it is. Throws a 400 for a schema that is none. */
export function schemaFault(schema: Record<string, unknown>, text: string): string | undefined {
  const validate = compile(schema);
  const value = parseJson(text);
  if (value === undefined) return "it is not JSON";
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  return `${error?.instancePath ?? ""} ${error?.message ?? "is invalid"}`.trim();
}

/** Refuses a schema that cannot be used. */
export function compile(schema: Record<string, unknown>): ValidateFunction {
  const key = canonicalize(schema) ?? "";
  const known = compiled.get(key);
  if (known !== undefined) return known;
  try {
    const { $schema: _, ...rest } = schema;
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(rest);
    if (compiled.size >= kept) compiled.clear();
    compiled.set(key, validate);
    return validate;
  } catch (error) {
    throw invalid(`output_config.format.schema: ${error instanceof Error ? error.message : String(error)}`);
  }
}
