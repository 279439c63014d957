import { fileURLToPath } from "node:url";
import { Runtime, Worker } from "@temporalio/worker";
import { exitWhenParentGoes } from "../stack/parent.ts";
import { connectWorker } from "../temporal/connect.ts";
import { shortWorkflowStacks } from "../temporal/stack-frames.ts";
import { recording } from "./recording.ts";

// A process of its own with the worker's settings: the baseline pays for the same things, except for our work.

const nothings = {
  nothing: async (): Promise<void> => {},
  moment: async (): Promise<number> => performance.timeOrigin + performance.now(),
};
export type BareActivities = typeof nothings;

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

exitWhenParentGoes();
shortWorkflowStacks();
Runtime.install({ shutdownSignals: [] });
const namespace = process.env["TEMPORAL_NAMESPACE"] ?? "powerloom";
const connection = await connectWorker({ address: process.env["TEMPORAL_ADDRESS"] ?? "127.0.0.1:7233", namespace });
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue: "powerloom-bench",
  workflowsPath: fileURLToPath(new URL("./bare-workflows.ts", import.meta.url)),
  activities: { ...nothings, ...recording(required("BENCH_DATABASE_URL"), required("ANTHROPIC_BASE_URL")) },
  maxCachedWorkflows: 1_000,
  maxConcurrentActivityTaskExecutions: 100,
  stickyQueueScheduleToStartTimeout: "1s",
});
process.once("SIGTERM", () => worker.shutdown());
await worker.run();
await connection.close();
process.exit(0);
