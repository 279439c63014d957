import type { MetaToolName } from "../../contracts/meta-tools.ts";
import { attachMcpServerToAgent, attachSkillToAgent } from "./attach.ts";
import { createAgent } from "./create-agent.ts";
import { createCredential } from "./create-credential.ts";
import { describeAgent, describeUser, listAgents, listMcpServers, listOus, listSkills, listUsers } from "./reads.ts";
import type { ToolFunction } from "./tool-call.ts";

/** What each of the eleven tools does. */
export const metaTools: { [Name in MetaToolName]: ToolFunction<Name> } = {
  list_ous: listOus,
  list_users: listUsers,
  list_skills: listSkills,
  list_mcp_servers: listMcpServers,
  list_agents: listAgents,
  describe_user: describeUser,
  describe_agent: describeAgent,
  create_agent: createAgent,
  attach_skill_to_agent: attachSkillToAgent,
  attach_mcp_server_to_agent: attachMcpServerToAgent,
  create_credential: createCredential,
};
