import type { StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type { z } from "zod";

/**
 * A zod schema whose JSON Schema is computed once, because a server instance is made for every request, and published
 * lean: without the long patterns that only repeat `format`, and without `additionalProperties: false`, so that a field
 * added to a view later does not make a client with an older copy of the schema refuse the answer.
 */
export function publishedSchema<Schema extends z.ZodType>(
  schema: Schema,
): StandardSchemaWithJSON<z.input<Schema>, z.output<Schema>> {
  const standard = schema["~standard"];
  const once = (io: "input" | "output") => {
    let json: Record<string, unknown> | undefined;
    return (options: { target: "draft-2020-12" }) => {
      json ??= lean(standard.jsonSchema[io](options)) as Record<string, unknown>;
      return json;
    };
  };
  const jsonSchema = { input: once("input"), output: once("output") } as typeof standard.jsonSchema;
  return { "~standard": { version: 1, vendor: "zod", validate: standard.validate, jsonSchema } };
}

function lean(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(lean);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node);
  const kept = entries.filter(([key, value]) => {
    if (key === "additionalProperties") return value !== false;
    if (key === "pattern") return !entries.some(([other]) => other === "format");
    return !(typeof value === "number" && Math.abs(value) === Number.MAX_SAFE_INTEGER);
  });
  return Object.fromEntries(kept.map(([key, value]) => [key, lean(value)]));
}
