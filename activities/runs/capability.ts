import { mint } from "../../core/lease/capability.ts";
import { capabilityKeys } from "../../core/lease/capability-keys.ts";
import type { RunDeps } from "./deps.ts";
import type { Admitted } from "./run-tool.ts";

/** How long a call may present its capability: less than the shortest lease. Milliseconds. */
const capabilityMs = 120_000;

/** The token an admitted call presents outside: it names the run, the tool, the lease it has used and the step. */
export function capabilityOf(
  deps: Pick<RunDeps, "capabilitySecret" | "now">,
  { organisationId, leaseId, run, step, spec }: Pick<Admitted, "organisationId" | "leaseId" | "run" | "step" | "spec">,
): string {
  const now = deps.now().getTime();
  const binding = { organisationId, leaseId, runId: run.id, stepId: step.step_id, toolId: spec.name };
  return mint(binding, now + capabilityMs, capabilityKeys(deps.capabilitySecret, now));
}
