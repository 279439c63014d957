import { canonicalJson } from "../canonical.ts";
import { type AgentDefinition, desiredToolsets, normalToolsets, type ObservedAgent } from "./agent-definition.ts";

export type AgentPlan =
  | { action: "create" }
  | { action: "update"; id: string; version: number; differs: FieldDifference[] }
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

/** One field in which the provider's agent is not what is wanted. */
export interface FieldDifference {
  field: string;
  wanted: unknown;
  found: unknown;
}

/** The fields in which the provider's agent is not what is wanted. What has no order is compared without one. */
export function differences(desired: AgentDefinition, observed: ObservedAgent): FieldDifference[] {
  const sorted = (list: readonly Record<string, string>[]) =>
    list.toSorted((a, b) => canonicalJson(a).localeCompare(canonicalJson(b)));
  const servers = (list: readonly { name: string; url: string }[]) =>
    sorted(list.map(({ name, url }) => ({ name, url })));
  const skills = (list: AgentDefinition["skills"]) =>
    sorted(list.map(({ skillId, version }) => ({ skillId, version })));
  const ours = (metadata: Record<string, string>) =>
    Object.fromEntries(Object.keys(desired.metadata).map((key) => [key, metadata[key] ?? null]));
  const compared: Record<string, [wanted: unknown, found: unknown]> = {
    name: [desired.name, observed.name],
    description: [desired.description, observed.description],
    system: [desired.system, observed.system],
    model: [desired.model, observed.model],
    mcp_servers: [servers(desired.mcpServers), servers(observed.mcpServers)],
    skills: [skills(desired.skills), skills(observed.skills)],
    tools: [normalToolsets(desiredToolsets(desired)), normalToolsets(observed.toolsets)],
    metadata: [ours(desired.metadata), ours(observed.metadata)],
  };
  return Object.entries(compared)
    .filter(([, [wanted, found]]) => canonicalJson(wanted) !== canonicalJson(found))
    .map(([field, [wanted, found]]) => ({ field, wanted, found }));
}
