import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  executeChild,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  WorkflowIdReusePolicy,
} from "@temporalio/workflow";
import type { BootstrapActivities } from "../activities/bootstrap.ts";
import type { OrganisationId } from "../core/ids.ts";
import { status, workflowTaskTimeout } from "./messages.ts";
import { provision } from "./provision.ts";
import { createBoard } from "./status-board.ts";

const { nextBootstrapStep, checkMetaHealth, recordBootstrap } = proxyActivities<BootstrapActivities>({
  startToCloseTimeout: "10s",
  retry: { initialInterval: "300ms", maximumInterval: "5s" },
});

/** Looks at most this often for health and synchronisation: 30 s in all (a bootstrap is bounded). */
const maxWaits = 60;
const waitMs = 500;

/** Makes the meta-agent: server, agent, wiring, credential. Idempotent: each step is found from what exists. */
export async function bootstrap({ organisationId }: { organisationId: OrganisationId }): Promise<string> {
  const steps: string[] = [];
  const board = createBoard({ phase: "running", detail: "looking at what exists" });
  setHandler(status, board.current);
  const finish = async (outcome: "ready" | "failed", reason: string | null) => {
    board.show(outcome, reason ?? steps.join(", "));
    await recordBootstrap({ organisationId, status: outcome, steps, reason });
    return outcome;
  };

  for (let waits = 0; ; ) {
    const step = await nextBootstrapStep({ organisationId });
    if (step.kind === "ready") return finish("ready", null);
    if (step.kind === "failed") return finish("failed", step.reason);
    if (step.kind === "wait") {
      waits += 1;
      if (waits > maxWaits) return finish("failed", `gave up waiting for ${step.what}`);
      board.show("running", `waiting for ${step.what}`);
      await checkMetaHealth({ organisationId });
      await sleep(waitMs);
      continue;
    }
    board.show("running", step.what);
    const outcome = await executeChild(provision, {
      workflowId: step.workflowId,
      args: [{ organisationId, operationId: step.operationId }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      workflowTaskTimeout,
      staticSummary: `bootstrap: ${step.what}`,
    }).catch((error: unknown) => {
      // Somebody (the sweep) runs it already: look again in a moment.
      if (error instanceof WorkflowExecutionAlreadyStartedError) return "elsewhere";
      throw error;
    });
    if (outcome === "elsewhere") {
      await sleep(waitMs);
      continue;
    }
    if (outcome !== "applied") return finish("failed", `${step.what}: ${outcome}`);
    steps.push(step.what);
    await recordBootstrap({ organisationId, status: "running", steps, reason: null });
  }
}
