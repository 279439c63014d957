import type { MetaToolName } from "../contracts/meta-tools.ts";

/** How a tool introduces itself to a model. */
export interface ToolText {
  title: string;
  description: string;
  /** Whether it only reads. */
  reads: boolean;
  /** Whether it may undo or overwrite something. Default: no. */
  destructive?: boolean;
  /** Whether what it sets off may reach beyond Powerloom. Default: no. */
  openWorld?: boolean;
}

/** The eleven tools in the order they are listed: what reads, what looks up, what changes. */
export const toolTexts: Record<MetaToolName, ToolText> = {
  list_ous: {
    title: "List OUs",
    description:
      "The organisational units (OUs) the person can see, as a nested tree with paths and ids. An agent lives in one OU.",
    reads: true,
  },
  list_users: {
    title: "List users",
    description:
      "The people of the organisation the person can see: email, principal id, home OU, status. Give `ou` to narrow it. For one person whose email is known, describe_user is quicker and says more.",
    reads: true,
  },
  list_skills: {
    title: "List skills",
    description: "The skills that can be attached to agents: id, name, description, OU and newest version.",
    reads: true,
  },
  list_mcp_servers: {
    title: "List MCP servers",
    description:
      "The registered MCP servers that can be attached to agents: id, name, description, URL, OU and health.",
    reads: true,
  },
  list_agents: {
    title: "List agents",
    description:
      "The agents the person can see: id, name, OU, owner, model, what is attached, and whether the provider has the newest state (sync_state). Look here before creating one.",
    reads: true,
  },
  describe_user: {
    title: "Describe a user",
    description: "One person by email: principal id, home OU, groups, and which roles they hold where.",
    reads: true,
  },
  describe_agent: {
    title: "Describe an agent",
    description:
      "One agent by id: model, system prompt, owner, attached skills and MCP servers, credentials (never their secrets), and sync state at the provider. `cma_agent_id` is null until the reconciler has pushed the agent, usually within seconds.",
    reads: true,
  },
  create_agent: {
    title: "Create an agent",
    description:
      "Creates an agent in an OU. Without `ou` nothing is created: the answer has status needs_input, says what to ask the person, and lists the OUs they can see. The owner is the person you act for unless `owner` names somebody else. May need approval (status pending_approval). Attach skills and MCP servers afterwards.",
    reads: false,
  },
  attach_skill_to_agent: {
    title: "Attach a skill to an agent",
    description:
      "Attaches a skill (id from list_skills) to an agent, at its newest version unless `version` names one. May need approval.",
    reads: false,
  },
  attach_mcp_server_to_agent: {
    title: "Attach an MCP server to an agent",
    description:
      "Attaches a registered MCP server (id from list_mcp_servers) to an agent. Then call create_credential for the pair: without a credential the agent cannot reach the server. May need approval.",
    reads: false,
  },
  create_credential: {
    title: "Create a credential",
    description:
      "Mints the bearer with which an agent reaches an MCP server attached to it. Answers with id, binding and expiry; the secret itself goes sealed to the vault and is never shown. May need approval.",
    reads: false,
  },
};
