import { mint } from "../../core/lease/capability.ts";
import { capabilityKeys } from "../../core/lease/capability-keys.ts";
import { listingBinding } from "../../core/lease/listing.ts";
import type { Admitted } from "./admit-tool.ts";
import type { RunDeps } from "./deps.ts";

/** How long a call may present its capability: less than the shortest lease. Milliseconds. */
export const capabilityMs = 120_000;

/** The token an admitted call presents outside: it names the run, the tool, the lease it has used and the step. */
export function capabilityOf(
  deps: Pick<RunDeps, "capabilitySecret" | "now">,
  { organisationId, leaseId, run, step, spec }: Pick<Admitted, "organisationId" | "leaseId" | "run" | "step" | "spec">,
): string {
  const now = deps.now().getTime();
  const binding = { organisationId, leaseId, runId: run.id, stepId: step.step_id, toolId: spec.name };
  return mint(binding, now + capabilityMs, capabilityKeys(deps.capabilitySecret, now));
}

/** The token with which a starting tree of runs asks a server which tools it has. */
export function listingCapability(
  deps: Pick<RunDeps, "capabilitySecret" | "now">,
  ask: { organisationId: string; runId: string; registrationId: string; milliseconds: number },
): string {
  const now = deps.now().getTime();
  const binding = listingBinding(ask.organisationId, ask.runId, ask.registrationId);
  return mint(binding, now + ask.milliseconds, capabilityKeys(deps.capabilitySecret, now));
}
