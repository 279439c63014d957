import { z } from "zod";
import { description, displayName, longText, modelId, ouReference, slug, userReference } from "../contracts/fields.ts";
import { agentDetailView, agentKinds } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { defaultAgentModel } from "../core/models.ts";
import { showAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { requireOu, requireOwner } from "./lookups.ts";

export const createAgent = defineOperation({
  name: "agent.create",
  summary: "Create an agent in an OU",
  permission: "agent:create",
  risk: "medium",
  delegable: true,
  authorityLock: "share",
  http: { method: "POST", path: "/agents", status: 201 },
  command: "agents create",
  readPermission: "agent:read",
  input: z.object({
    name: slug,
    ou: ouReference,
    owner: userReference.optional().describe("Email or principal id of the owner. Default: the requester"),
    display_name: displayName.optional(),
    description: description.default(""),
    kind: z.enum(agentKinds).default("user"),
    model: modelId.default(defaultAgentModel),
    system_prompt: longText.default(""),
  }),
  output: agentDetailView,

  async preview({ tx, principalId, authorise }, input) {
    const ou = await requireOu(tx, input.ou);
    await authorise(ou);
    const [owner, taken] = await Promise.all([
      requireOwner(tx, input.owner ?? principalId),
      tx.maybe<{ id: string }>("select id from agents where ou_id = $1 and name = $2 and deleted_at is null", [
        ou.id,
        input.name,
      ]),
    ]);
    if (taken !== undefined)
      throw new PowerloomError("conflict", `An agent named \`${input.name}\` already exists in \`${ou.path}\`.`, {
        pointer: "/name",
        existing_id: taken.id,
      });
    const spec = {
      name: input.name,
      display_name: input.display_name ?? input.name,
      description: input.description,
      kind: input.kind,
      model: input.model,
      system_prompt: input.system_prompt,
    };
    return {
      ou,
      target: null,
      targetVersion: null,
      plan: { ...spec, ownerId: owner.id },
      before: null,
      after: { ...spec, ou: ou.path, owner: owner.email },
      summary: `Create agent ${input.name} in ${ou.path}, owned by ${owner.email}, on ${input.model}`,
    };
  },

  async apply({ tx, newId }, _input, { ou, plan }) {
    const id = newId();
    const inserted = tx.run(
      `insert into agents (id, organisation_id, ou_id, name, display_name, description, owner_id, kind, model, system_prompt)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        id,
        tx.organisationId,
        ou.id,
        plan.name,
        plan.display_name,
        plan.description,
        plan.ownerId,
        plan.kind,
        plan.model,
        plan.system_prompt,
      ],
    );
    const [, result] = await Promise.all([inserted, showAgent(tx, id)]);
    return { target: { type: "agent", id }, result, reconcile: [id] };
  },
});
