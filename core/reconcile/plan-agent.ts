import { canonicalJson } from "../canonical.ts";
import { type AgentDefinition, desiredToolsets, digestToolsets, type ObservedAgent } from "./agent-definition.ts";

export type AgentPlan =
  | { action: "create" }
  | { action: "update"; id: string; version: number; differs: string[] }
  | { action: "archive"; id: string }
  | { action: "none" };

/** What to do so that the provider holds what is wanted. Looks at states only, never at what changed. */
export function planAgent(desired: AgentDefinition | "deleted", observed: ObservedAgent | undefined): AgentPlan {
  if (desired === "deleted")
    return observed === undefined || observed.archived ? { action: "none" } : { action: "archive", id: observed.id };
  // Archiving is final at the provider: an agent that somebody archived there is made anew.
  if (observed === undefined || observed.archived) return { action: "create" };
  const differs = differences(desired, observed);
  return differs.length === 0
    ? { action: "none" }
    : { action: "update", id: observed.id, version: observed.version, differs };
}

/** Names of the fields in which the provider's agent is not what is wanted. */
export function differences(desired: AgentDefinition, observed: ObservedAgent): string[] {
  const pairs = (list: readonly Record<string, string>[]) =>
    list
      .map((entry) => canonicalJson(entry))
      .sort()
      .join();
  const same: Record<string, boolean> = {
    name: desired.name === observed.name,
    description: desired.description === observed.description,
    system: desired.system === observed.system,
    model: desired.model === observed.model,
    mcp_servers:
      pairs(desired.mcpServers.map(({ name, url }) => ({ name, url }))) ===
      pairs(observed.mcpServers.map(({ name, url }) => ({ name, url }))),
    skills:
      pairs(desired.skills.map(({ skillId, version }) => ({ skillId, version }))) ===
      pairs(observed.skills.map(({ skillId, version }) => ({ skillId, version }))),
    tools: digestToolsets(desiredToolsets(desired)) === observed.toolsDigest,
    metadata: Object.entries(desired.metadata).every(([key, value]) => observed.metadata[key] === value),
  };
  return Object.keys(same).filter((field) => same[field] === false);
}
