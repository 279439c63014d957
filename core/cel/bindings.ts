import type { RuleVariables, VariableType } from "./rule-types.ts";

/**
 * Plain JSON as CEL wants it: whole numbers of type int as bigint. What is not declared is left out, and nothing is
 * converted under `dyn`, where numbers are doubles as in JSON.
 */
export function bind(variables: RuleVariables, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const bound: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(variables)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value !== undefined) bound[name] = convert(type, value);
  }
  return bound;
}

function convert(type: VariableType, value: unknown): unknown {
  if (type === "int") return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof type === "string" || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return bind(type, value as Record<string, unknown>);
}
