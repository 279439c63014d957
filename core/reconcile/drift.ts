import type { AgentPlan, FieldDifference } from "./plan-agent.ts";

/** What we left at the provider, by our own record. */
export interface Pushed {
  generation: number;
  syncedGeneration: number;
  id: string | null;
  version: number | null;
}

/** What somebody else has done to the provider's agent. */
export interface ForeignEdit {
  /** Version in which it was found; of one that is gone, the last we knew. */
  providerVersion: number | null;
  fields: FieldDifference[];
}

const gone: FieldDifference = { field: "presence", wanted: "there", found: "archived or gone" };

/**
 * The edit that a plan puts back, when somebody else has made it: the provider differs although this generation had been
 * pushed, and its version is not the one we left. With our version, it is we who want something else now.
 */
export function foreignEdit(plan: AgentPlan, pushed: Pushed): ForeignEdit | undefined {
  if (pushed.id === null || pushed.syncedGeneration !== pushed.generation) return undefined;
  if (plan.action === "create") return { providerVersion: pushed.version, fields: [gone] };
  if (plan.action !== "update" || plan.version === pushed.version) return undefined;
  return { providerVersion: plan.version, fields: plan.differs };
}
