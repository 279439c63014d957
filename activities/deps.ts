import type Anthropic from "@anthropic-ai/sdk";
import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import type { OperationDeps } from "../operations/submit.ts";
import type { ReconcileQueue } from "../temporal/reconcile-queue.ts";

/** What activities are given: the world, as far as they may touch it. */
export interface ActivityDeps extends OperationDeps {
  temporal: Client;
  claude: Anthropic;
  unseal: (sealed: string) => string;
  reconcileQueue: ReconcileQueue;
  log: Logger;
}
