declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type OrganisationId = Id<"organisation">;
export type AgentId = Id<"agent">;
export type OperationId = Id<"operation">;
export type SessionId = Id<"session">;
export type RunId = Id<"run">;

/** The only payload of a `provision` workflow: which row to look at. */
export interface OperationRef {
  organisationId: OrganisationId;
  operationId: OperationId;
}

/** The only payload of an `agentSession` workflow. */
export interface SessionRef {
  organisationId: OrganisationId;
  sessionId: SessionId;
}

/** What an `agentRun` workflow and its activities are told: which row to look at. */
export interface RunRef {
  organisationId: OrganisationId;
  runId: RunId;
}

/** The only payload of a `reconcileAgent` workflow. */
export interface AgentRef {
  organisationId: OrganisationId;
  agentId: AgentId;
}

/** Workflow ids read like a status board: kind, what, which. */
export const workflowIds = {
  provision: (operation: string, id: string) => `provision:${operation}:${id}`,
  reconcileAgent: (agentId: string) => `reconcile:agent:${agentId}`,
  agentSession: (sessionId: string) => `session:${sessionId}`,
  agentRun: (runId: string) => `run:${runId}`,
  bootstrap: (organisationId: string) => `bootstrap:${organisationId}`,
  reconcileSweep: "reconcile:sweep",
} as const;
