import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, WithStartWorkflowOperation } from "@temporalio/client";
import { Pool } from "pg";
import { signIn } from "../demo/api.ts";
import { openDevOrganisation } from "../demo/organisation.ts";
import { type LocalStack, startLocalStack } from "../stack/local-stack.ts";
import { withOwnParts } from "../stack/own-parts.ts";
import { connectTemporal } from "../temporal/connect.ts";
import { go, outcome } from "./bare-messages.ts";
import { closeConnections, type Send, sender } from "./http.ts";
import { armMind } from "./minds.ts";
import { bareRole, createRecords } from "./recording.ts";

/** A whole stack with the dev organisation, the bare worker beside it, and what the measurements need of both. */
export interface Stage {
  stack: LocalStack;
  temporal: Client;
  /** As the superuser: sees every organisation, and takes no part in what is measured. */
  admin: Pool;
  organisationId: string;
  /** The OrgAdmin who asks, and the other one who approves. */
  asker: Send;
  askerToken: string;
  approver: Send;
  bare: {
    update: (id: string) => Promise<unknown>;
    await: (id: string) => Promise<unknown>;
    signal: (id: string) => Promise<unknown>;
    pairs: (id: string, count: number) => Promise<unknown>;
    recordedPairs: (id: string, count: number) => Promise<unknown>;
    recordedRun: (id: string, levels: readonly number[]) => Promise<unknown>;
  };
  /** Waits until nothing of earlier work runs any more: no agent to push, no workflow but waiting ones. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

const taskQueue = "powerloom-bench";
const workflowTaskTimeout = "3s";

export async function openStage(log: (line: string) => void): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "powerloom-bench-"));
  const closing: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.toReversed()) await step();
  };
  try {
    const stack = await startLocalStack({
      stateDirectory: directory,
      environment: withOwnParts(process.env),
      mode: "dev",
      anyPorts: true,
      log,
      // Out of the way: neither the limit nor the once-a-minute sweep belongs into a figure.
      extraEnvironment: {
        POWERLOOM_RATE_LIMIT: "100000000",
        POWERLOOM_SWEEP_SECONDS: "3600",
        POWERLOOM_LOG_LEVEL: "warn",
        POWERLOOM_AGENTS_DIR: fileURLToPath(new URL("./agents", import.meta.url)),
      },
    });
    closing.push(() => stack.stop());
    const temporal = await connectTemporal({ address: stack.temporalAddress, namespace: stack.temporalNamespace });
    closing.push(() => temporal.connection.close());
    const admin = new Pool({ connectionString: stack.adminUrl ?? "", max: 2 });
    closing.push(() => admin.end());
    const bare = bareCalls(temporal);
    await admin.query(createRecords);
    await armMind({ stack }, "bench-bare", { [bareRole]: { rules: [{ when: {}, reply: { output: "done" } }] } });
    await stack.supervisor.start({
      name: "bare",
      command: process.execPath,
      args: [fileURLToPath(new URL("./bare-worker.ts", import.meta.url))],
      env: { ...stack.environment, BENCH_DATABASE_URL: stack.adminUrl ?? "" },
      ready: () => bare.update("warm-up").then(() => undefined),
      watchesParent: true,
    });
    const organisation = await openDevOrganisation(stack, directory, () => undefined);
    closing.push(() => organisation.close());
    const approver = await signIn(stack.apiUrl, "ben@acme.com");
    closing.push(async () => closeConnections());
    const found = await admin.query<{ id: string }>("select id from organisations");
    return {
      stack,
      temporal,
      admin,
      organisationId: found.rows[0]?.id ?? "",
      asker: sender(stack.apiUrl, organisation.admin.token),
      askerToken: organisation.admin.token,
      approver: sender(stack.apiUrl, approver.token),
      bare,
      quiet: () => quiet(admin, temporal),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function bareCalls(temporal: Client): Stage["bare"] {
  return {
    update: (id) =>
      temporal.workflow.executeUpdateWithStart(outcome, {
        updateId: "outcome",
        startWorkflowOperation: new WithStartWorkflowOperation("bareUpdate", {
          workflowId: id,
          taskQueue,
          workflowTaskTimeout,
          args: [],
          workflowIdConflictPolicy: "USE_EXISTING",
          workflowIdReusePolicy: "REJECT_DUPLICATE",
        }),
      }),
    await: (id) => temporal.workflow.start("bareSignal", { workflowId: id, taskQueue, workflowTaskTimeout }),
    async signal(id) {
      const handle = temporal.workflow.getHandle(id);
      await handle.signal(go);
      await handle.result();
    },
    pairs: (id, count) =>
      temporal.workflow.execute("barePairs", { workflowId: id, taskQueue, workflowTaskTimeout, args: [count] }),
    recordedPairs: (id, count) =>
      temporal.workflow.execute("recordedPairs", { workflowId: id, taskQueue, workflowTaskTimeout, args: [count] }),
    recordedRun: (id, levels) =>
      temporal.workflow.execute("recordedRun", { workflowId: id, taskQueue, workflowTaskTimeout, args: [levels] }),
  };
}

async function quiet(admin: Pool, temporal: Client): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (let calm = 0; calm < 2; ) {
    const { rows } = await admin.query<{ busy: string }>(
      "select count(*) as busy from agents where deleted_at is null and synced_generation < generation",
    );
    const running = await temporal.workflow.count("WorkflowType = 'reconcileAgent' and ExecutionStatus = 'Running'");
    calm = rows[0]?.busy === "0" && running.count === 0 ? calm + 1 : 0;
    if (Date.now() > deadline) throw new Error("the stack does not come to rest");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
