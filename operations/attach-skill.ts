import { z } from "zod";
import { agentDetailView } from "../contracts/views.ts";
import { PowerloomError } from "../core/errors.ts";
import { changedAgent } from "../db/queries/agents.ts";
import { defineOperation } from "./declaration.ts";
import { missing, needsForMetaAccess, requireAgent, requireSkill, scopeOf } from "./lookups.ts";
import { requireReachable } from "./reachable.ts";

export const attachSkill = defineOperation({
  name: "agent.attach_skill",
  summary: "Attach a skill to an agent",
  permission: "agent:attach_skill",
  risk: "medium",
  delegable: true,
  authorityLock: "share",
  http: { method: "POST", path: "/agents/:agent_id/skills", status: 201 },
  command: "agents attach-skill",
  readPermission: "agent:read",
  input: z.object({
    agent_id: z.uuid(),
    skill_id: z.uuid(),
    version: z.int().positive().max(2_147_483_647).optional().describe("Default: the newest"),
  }),
  output: agentDetailView,

  async preview(context, input) {
    const { tx } = context;
    const agent = await requireAgent(context, input.agent_id);
    const skill = await requireSkill(tx, input.skill_id);
    await requireReachable(context, skill, agent, "skill:read");
    const version = input.version ?? skill.latest_version;
    if (version > skill.latest_version)
      throw missing(
        `Skill \`${skill.name}\` has no version ${version}; the newest is ${skill.latest_version}.`,
        "version",
      );
    const attached = agent.skills.find((entry) => entry.skill_id === skill.id);
    if (attached?.version === version)
      throw new PowerloomError(
        "conflict",
        `Skill \`${skill.name}\` version ${version} is already attached to this agent.`,
        {
          pointer: "/skill_id",
        },
      );
    return {
      ou: scopeOf(agent),
      target: { type: "agent", id: agent.id },
      targetVersion: agent.generation,
      plan: { skillId: skill.id, version },
      before: { skills: agent.skills.map((entry) => `${entry.name}@${entry.version}`) },
      after: {
        skills: [
          ...agent.skills
            .filter((entry) => entry.skill_id !== skill.id)
            .map((entry) => `${entry.name}@${entry.version}`),
          `${skill.name}@${version}`,
        ],
      },
      summary: `Attach skill ${skill.name} version ${version} to agent ${agent.name} in ${agent.ou_path}`,
      alsoNeeds: needsForMetaAccess(agent),
    };
  },

  async apply({ tx }, { agent_id }, { plan }) {
    await tx.run(
      `insert into agent_skills (organisation_id, agent_id, skill_id, version) values ($1, $2, $3, $4)
       on conflict (organisation_id, agent_id, skill_id) do update set version = excluded.version`,
      [tx.organisationId, agent_id, plan.skillId, plan.version],
    );
    return {
      target: { type: "attachment", id: `${agent_id}/${plan.skillId}` },
      result: await changedAgent(tx, agent_id),
      reconcile: [agent_id],
    };
  },
});
