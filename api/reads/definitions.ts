import type { z } from "zod";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { agentDefinitionView } from "../../contracts/runs.ts";
import { digestOf } from "../../core/canonical.ts";
import { findUser } from "../../db/queries/people.ts";
import { requirePermission } from "../../operations/execute.ts";
import { requireOu } from "../../operations/lookups.ts";
import { type ReadContext, rootsOf } from "./scope.ts";

/** Reads of the agent definitions that this API has loaded. They are the deployment's; their versions are the organisation's. */
export const definitionReads: Record<string, (context: ReadContext) => Promise<unknown>> = {
  "agent_definition.list": async (context) => {
    await requireStarter(context);
    const definitions = [...context.deps.definitions.values()];
    const digests = definitions.map(digestOf);
    const stored = await context.tx.rows<{ digest: string; version: number }>(
      "select digest, version from agent_definitions where digest = any ($1::text[])",
      [digests],
    );
    const versions = new Map(stored.map(({ digest, version }) => [digest, version]));
    return {
      data: definitions
        .map((definition, index) => toView(definition, digests[index] ?? "", versions))
        .sort((a, b) => a.id.localeCompare(b.id)),
    };
  },
};

/** Whoever may start a run somewhere. What others miss is named where a run of theirs would be: at their home OU. */
async function requireStarter(context: ReadContext): Promise<void> {
  if ((await rootsOf(context, "run:create")).length > 0) return;
  const { principalId } = context.caller;
  const home = await requireOu(context.tx, (await findUser(context.tx, principalId))?.home_ou_path ?? "");
  await requirePermission({ ...context, principalId }, "run:create", home);
}

function toView(
  { id, role, description, role_bindings, tools, delegates, constraints, budget }: AgentDefinition,
  digest: string,
  versions: ReadonlyMap<string, number>,
): z.infer<typeof agentDefinitionView> {
  return {
    id,
    role,
    description,
    version: versions.get(digest) ?? null,
    digest,
    model: role_bindings[role] ?? null,
    tools,
    delegates,
    constraints,
    budget,
  };
}
