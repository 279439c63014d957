import { z } from "zod";
import { toolOfOperation } from "../../contracts/control-plane-tools.ts";
import { delegableReads, type ReadDeclaration, reads } from "../../contracts/reads.ts";
import type { AnyOperation } from "../../operations/declaration.ts";
import { operations } from "../../operations/registry.ts";
import type { JsonSchema, ToolSpec } from "../../tools/spec.ts";

/** Everything a delegated token may be made for, as tools of runs, from the declarations the API's routes come from. */
export const controlPlaneSpecs: readonly ToolSpec[] = [
  ...operations.filter(({ delegable }) => delegable).map(ofOperation),
  ...reads.filter(({ name }) => delegableReads.has(name)).map(ofRead),
];

function ofOperation({ name, summary, permission, risk, input }: AnyOperation): ToolSpec {
  return {
    ...common(name, summary),
    description: `${summary}, for the person you act for and with their rights: it needs \`${permission}\`. The answer is what was made, or a request with \`status\` pending_approval: then it is not done, and is done once people have approved it.`,
    inputSchema: schemaOf(input),
    risk,
    readOnly: false,
  };
}

function ofRead({ name, summary, path, permission, query }: ReadDeclaration): ToolSpec {
  const rights = permission === null ? "" : ` (\`${permission}\`)`;
  return {
    ...common(name, summary),
    description: `${summary}: as much as the person you act for may see${rights}.`,
    inputSchema: schemaOf(query.extend(pathParameters(path))),
    risk: "low",
    readOnly: true,
  };
}

function common(operation: string, summary: string) {
  return {
    name: toolOfOperation(operation),
    summary,
    outputSchema: null,
    bootstrap: false,
    source: { kind: "control_plane" as const, operation },
  };
}

/** What stands in a read's path: ids, and people, who are named by their addresses too. */
function pathParameters(path: string): z.ZodRawShape {
  const names = [...path.matchAll(/:([a-z_]+)/g)].map((match) => match[1] ?? "");
  return Object.fromEntries(
    names.map((name) => [
      name,
      name.endsWith("_id") ? z.uuid() : z.string().min(1).max(320).describe("Email or principal id"),
    ]),
  );
}

function schemaOf(input: z.ZodObject): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(input.strict(), { io: "input" });
  return schema;
}
