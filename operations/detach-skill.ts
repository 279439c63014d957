import { z } from "zod";
import { agentDetailView } from "../contracts/views.ts";
import { changedAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { missing, needsForMetaAccess, requireAgent, scopeOf } from "./lookups.ts";

export const detachSkill = defineOperation({
  name: "agent.detach_skill",
  summary: "Detach a skill from an agent",
  permission: "agent:attach_skill",
  risk: "medium",
  delegable: false,
  authorityLock: "share",
  http: { method: "DELETE", path: "/agents/:agent_id/skills/:skill_id", status: 200 },
  command: "agents detach-skill",
  readPermission: "agent:read",
  input: z.object({ agent_id: z.uuid(), skill_id: z.uuid() }),
  output: agentDetailView,

  async preview(context, input) {
    const agent = await requireAgent(context, input.agent_id);
    const attached = agent.skills.find((entry) => entry.skill_id === input.skill_id);
    if (attached === undefined)
      throw missing(`Skill \`${input.skill_id}\` is not attached to agent \`${agent.name}\`.`, "skill_id");
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: {},
      before: { skills: agent.skills.map((entry) => entry.name) },
      after: { skills: agent.skills.filter((entry) => entry !== attached).map((entry) => entry.name) },
      summary: `Detach skill ${attached.name} from agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx }, { agent_id, skill_id }) {
    await tx.run("delete from agent_skills where agent_id = $1 and skill_id = $2", [agent_id, skill_id]);
    return {
      target: { type: "attachment", id: `${agent_id}/${skill_id}` },
      result: await changedAgent(tx, agent_id),
      reconcile: [agent_id],
      takesAway: true,
      deleted: [`${agent_id}/${skill_id}`],
    };
  },
});
