import type { CapabilityBinding } from "./capability.ts";

/** No step has this id: theirs are a thread and a number. */
const listing = "tools/list";

/**
 * What a capability is bound to that lets a starting tree of runs ask a server which tools it has. There is no step and no
 * lease yet: it names the run in the lease's place and the server's registration in the tool's.
 */
export function listingBinding(organisationId: string, runId: string, registrationId: string): CapabilityBinding {
  return { organisationId, leaseId: runId, runId, stepId: listing, toolId: registrationId };
}

/** Whether a capability is for asking a server which tools it has, and for nothing else. */
export function isListing({ stepId }: CapabilityBinding): boolean {
  return stepId === listing;
}
