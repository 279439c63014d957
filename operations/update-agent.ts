import { z } from "zod";
import { description, displayName, longText, modelId, userReference } from "../contracts/fields.ts";
import { agentDetailView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { changedAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { needsForMetaAccess, requireAgent, requireOwner, scopeOf } from "./lookups.ts";

export const updateAgent = defineOperation({
  name: "agent.update",
  summary: "Change an agent's model, prompt, texts or owner",
  permission: "agent:update",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "PATCH", path: "/agents/:agent_id", status: 200 },
  command: "agents update",
  readPermission: "agent:read",
  input: z.object({
    agent_id: z.uuid(),
    display_name: displayName.optional(),
    description: description.optional(),
    model: modelId.optional(),
    system_prompt: longText.optional(),
    owner: userReference.optional(),
  }),
  output: agentDetailView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    const owner = input.owner === undefined ? undefined : await requireOwner(context.tx, input.owner);
    const before = {
      display_name: agent.display_name,
      description: agent.description,
      model: agent.model,
      system_prompt: agent.system_prompt,
      owner: agent.owner_email,
    };
    const after = {
      display_name: input.display_name ?? before.display_name,
      description: input.description ?? before.description,
      model: input.model ?? before.model,
      system_prompt: input.system_prompt ?? before.system_prompt,
      owner: owner?.email ?? before.owner,
    };
    const changed = (Object.keys(before) as (keyof typeof before)[]).filter((field) => before[field] !== after[field]);
    if (changed.length === 0)
      throw new PowerloomError("invalid_input", "Nothing would change: name at least one field with a new value.");
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: { ...after, ownerId: owner?.id ?? agent.owner_id },
      before,
      after,
      summary: `Change ${changed.join(", ")} of agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx }, { agent_id }, { plan }) {
    await tx.run(
      `update agents set display_name = $2, description = $3, model = $4, system_prompt = $5, owner_id = $6 where id = $1`,
      [agent_id, plan.display_name, plan.description, plan.model, plan.system_prompt, plan.ownerId],
    );
    return {
      target: { type: "agent", id: agent_id },
      result: await changedAgent(tx, agent_id),
      reconcile: [agent_id],
    };
  },
});
