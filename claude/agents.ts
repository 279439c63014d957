import type Anthropic from "@anthropic-ai/sdk";
import {
  type AgentDefinition,
  desiredToolsets,
  metadataKeys,
  type ObservedAgent,
  type ToolsetForm,
} from "../core/reconcile/agent-definition.ts";
import { createdSince } from "./created-since.ts";
import { isGone } from "./faults.ts";

type WireAgent = Awaited<ReturnType<Anthropic["beta"]["agents"]["retrieve"]>>;
type CreateParams = Parameters<Anthropic["beta"]["agents"]["create"]>[0];

/** The agent as the provider holds it, or undefined when it does not. */
export async function retrieveAgent(claude: Anthropic, id: string): Promise<ObservedAgent | undefined> {
  try {
    return observe(await claude.beta.agents.retrieve(id));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * What is at the provider for one of our agents and not archived: lists cannot be filtered by metadata, so it scans from the
 * moment a creation was intended, as far as clocks can be trusted, and matches our tag on this side.
 */
export async function* taggedAgents(
  claude: Anthropic,
  agentId: string,
  intendedAt: Date,
): AsyncGenerator<ObservedAgent> {
  for await (const agent of claude.beta.agents.list({ "created_at[gte]": createdSince(intendedAt), limit: 100 }))
    if (agent.metadata[metadataKeys.agent] === agentId && agent.archived_at === null) yield observe(agent);
}

/** An agent that was created but not recorded. */
export async function findTaggedAgent(
  claude: Anthropic,
  agentId: string,
  intendedAt: Date,
): Promise<ObservedAgent | undefined> {
  for await (const found of taggedAgents(claude, agentId, intendedAt)) return found;
  return undefined;
}

/** Creates the agent at the provider. At-least-once: callers record the intent first and look for the tag before. */
export async function createAgent(claude: Anthropic, definition: AgentDefinition): Promise<ObservedAgent> {
  return observe(await claude.beta.agents.create(toWire(definition)));
}

/** Replaces all fields we own, on condition that the provider still has the version that was looked at (409 otherwise). */
export async function updateAgent(
  claude: Anthropic,
  id: string,
  version: number,
  definition: AgentDefinition,
): Promise<ObservedAgent> {
  return observe(await claude.beta.agents.update(id, { version, ...toWire(definition) }));
}

export async function archiveAgent(claude: Anthropic, id: string): Promise<void> {
  await claude.beta.agents.archive(id);
}

function toWire(definition: AgentDefinition): CreateParams {
  return {
    name: definition.name,
    description: definition.description,
    system: definition.system,
    model: definition.model,
    mcp_servers: definition.mcpServers.map(({ name, url }) => ({ type: "url", name, url })),
    tools: desiredToolsets(definition).map(toWireToolset),
    skills: definition.skills.map(({ skillId, version }) => ({ type: "custom", skill_id: skillId, version })),
    metadata: definition.metadata,
  };
}

function toWireToolset(form: ToolsetForm): NonNullable<CreateParams["tools"]>[number] {
  const policy = (name: string) => ({ type: name as "always_allow" | "always_ask" });
  const default_config = { enabled: form.enabled, permission_policy: policy(form.policy) };
  if (form.type === "mcp_toolset")
    return { type: "mcp_toolset", mcp_server_name: form.server ?? "", default_config, configs: [] };
  return {
    type: "agent_toolset_20260401",
    default_config,
    configs: form.exceptions.map((tool) => ({
      name: tool.name as "read",
      enabled: tool.enabled,
      permission_policy: policy(tool.policy),
    })),
  };
}

function observe(agent: WireAgent): ObservedAgent {
  return {
    id: agent.id,
    version: agent.version,
    archived: agent.archived_at !== null,
    name: agent.name,
    description: agent.description ?? "",
    system: agent.system ?? "",
    model: agent.model.id,
    mcpServers: agent.mcp_servers.map(({ name, url }) => ({ name, url })),
    skills: agent.skills.map(({ skill_id, version }) => ({ skillId: skill_id, version })),
    metadata: agent.metadata,
    toolsets: agent.tools.map(observeToolset),
  };
}

function observeToolset(tool: WireAgent["tools"][number]): ToolsetForm {
  // A custom tool is never ours: its presence makes the digest differ, and so is put back.
  if (tool.type === "custom")
    return { type: "mcp_toolset", server: `custom:${tool.name}`, enabled: true, policy: "custom", exceptions: [] };
  return {
    type: tool.type,
    server: tool.type === "mcp_toolset" ? tool.mcp_server_name : null,
    enabled: tool.default_config.enabled,
    policy: tool.default_config.permission_policy.type,
    exceptions: tool.configs.map((config) => ({
      name: config.name,
      enabled: config.enabled,
      policy: config.permission_policy.type,
    })),
  };
}
