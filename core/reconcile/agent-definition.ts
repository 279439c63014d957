/** What we want the provider to hold for one agent: everything explicit, nothing left to its defaults (design §8). */
export interface AgentDefinition {
  name: string;
  description: string;
  system: string;
  model: string;
  mcpServers: { name: string; url: string; policy: "always_allow" | "always_ask" }[];
  skills: { skillId: string; version: string }[];
  /** Ours alone: other keys in the provider's metadata belong to whoever put them there. */
  metadata: Record<string, string>;
}

/** The same agent as the provider shows it, reduced to the fields we own. */
export interface ObservedAgent {
  id: string;
  version: number;
  archived: boolean;
  name: string;
  description: string;
  system: string;
  model: string;
  mcpServers: { name: string; url: string }[];
  skills: { skillId: string; version: string }[];
  metadata: Record<string, string>;
  toolsets: ToolsetForm[];
}

export const metadataKeys = {
  organisation: "powerloom_organisation",
  agent: "powerloom_agent",
  session: "powerloom_session",
} as const;

/** One toolset of the provider, as far as we set it. */
export interface ToolsetForm {
  type: "mcp_toolset" | "agent_toolset_20260401";
  server: string | null;
  enabled: boolean;
  policy: string;
  /** Single tools that differ from the toolset's default. */
  exceptions: { name: string; enabled: boolean; policy: string }[];
}

/**
 * The toolsets of a definition. Every permission policy is written out: MCP toolsets default to always_ask, the agent
 * toolset (bash included) to always_allow. It is off, but for `read` where skills need it.
 */
export function desiredToolsets(definition: AgentDefinition): ToolsetForm[] {
  const servers = definition.mcpServers.map(
    (server): ToolsetForm => ({
      type: "mcp_toolset",
      server: server.name,
      enabled: true,
      policy: server.policy,
      exceptions: [],
    }),
  );
  if (definition.skills.length === 0) return servers;
  return [
    ...servers,
    {
      type: "agent_toolset_20260401",
      server: null,
      enabled: false,
      policy: "always_ask",
      exceptions: [{ name: "read", enabled: true, policy: "always_allow" }],
    },
  ];
}

/** Toolsets in one order, without exceptions that are none: the provider may list both in any order. */
export function normalToolsets(toolsets: readonly ToolsetForm[]): ToolsetForm[] {
  const key = (toolset: ToolsetForm) => `${toolset.type}:${toolset.server ?? ""}`;
  return toolsets
    .map((toolset) => ({
      ...toolset,
      exceptions: toolset.exceptions
        .filter((tool) => tool.enabled !== toolset.enabled || (tool.enabled && tool.policy !== toolset.policy))
        .sort((a, b) => a.name.localeCompare(b.name)),
    }))
    .sort((a, b) => key(a).localeCompare(key(b)));
}
