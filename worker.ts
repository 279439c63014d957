import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Runtime, Worker } from "@temporalio/worker";
import express from "express";
import { v7 } from "uuid";
import { createBootstrapActivities } from "./activities/bootstrap.ts";
import type { ActivityDeps } from "./activities/deps.ts";
import { forOwnWorkflow } from "./activities/own-workflow.ts";
import { createProvisionActivities } from "./activities/provision.ts";
import { createReconcileActivities } from "./activities/reconcile.ts";
import { controlPlaneSpecs } from "./activities/runs/control-plane-specs.ts";
import { createRunActivities } from "./activities/runs.ts";
import { createSessionActivities } from "./activities/session.ts";
import { createStreamActivities } from "./activities/session-stream.ts";
import { createClaude, createModelClient } from "./claude/client.ts";
import { createModelEndpoints } from "./claude/model-endpoints.ts";
import { readConfig } from "./config.ts";
import { seal, unseal } from "./core/sealing.ts";
import { assertUnprivileged, openDatabase } from "./db/database.ts";
import { createHealth, healthRoutes, listenOn } from "./process/health.ts";
import { createLogger } from "./process/log.ts";
import { countModelCalls } from "./process/model-calls.ts";
import { runPart } from "./process/run.ts";
import { openSpans } from "./process/spans.ts";
import { exitWhenParentGoes } from "./stack/parent.ts";
import { connectTemporal, connectWorker } from "./temporal/connect.ts";
import { nudgeAgent } from "./temporal/nudge.ts";
import { createReconcileQueue } from "./temporal/reconcile-queue.ts";
import { ensureSweepSchedule } from "./temporal/schedule.ts";
import { checkSearchAttributes } from "./temporal/search-attributes.ts";
import { shortWorkflowStacks } from "./temporal/stack-frames.ts";
import { startSweeps } from "./temporal/sweeps.ts";
import { workflowBundle } from "./temporal/workflow-bundle.ts";
import { createOutsideFetch } from "./tools/network/outside-fetch.ts";
import { runtimeSpecs } from "./tools/runtime-specs.ts";
import { executeCommandSpec } from "./tools/sandbox/execute-command.ts";
import { listDirectorySpec, readFileSpec, writeFileSpec } from "./tools/workspace/specs.ts";
import { taskQueues } from "./workflows/messages.ts";

const log = createLogger("worker", process.env["POWERLOOM_LOG_LEVEL"] ?? "info");
exitWhenParentGoes();
shortWorkflowStacks();

await runPart(log, async () => {
  const config = readConfig(process.env);
  // Signals are ours to handle: the SDK would otherwise shut the worker down on its own terms.
  Runtime.install({ shutdownSignals: [], logger: temporalLogger() });
  const db = openDatabase(config.databaseUrl, { name: "powerloom-worker", max: 40 });
  await assertUnprivileged(db.pool, "worker");
  const target = { address: config.temporalAddress, namespace: config.temporalNamespace };
  const temporal = await connectTemporal(target);
  await checkSearchAttributes(temporal, target, log);
  const connection = await connectWorker(target);
  const reconcileQueue = createReconcileQueue((ref, ou) => {
    const nudged = temporal.connection.withDeadline(Date.now() + 5_000, () => nudgeAgent(temporal, ref, ou));
    nudged.catch((error: unknown) =>
      log.warn({ err: error, agent: ref.agentId }, "the reconciler could not be told yet"),
    );
  });
  const deps: ActivityDeps = {
    db,
    temporal,
    reconcileQueue,
    claude: createClaude({ baseUrl: config.anthropicBaseUrl, apiKey: config.anthropicApiKey }),
    log,
    now: () => new Date(),
    newId: () => v7(),
    seal: (secret) => seal(config.sealingKey, secret),
    unseal: (sealed) => unseal(config.sealingKey, sealed),
  };

  const modelCalls = countModelCalls(log);
  const models = createModelEndpoints(
    [{ baseUrl: config.anthropicBaseUrl, apiKey: config.anthropicApiKey }, ...config.modelFallbacks].map(
      createModelClient,
    ),
    { now: () => Date.now(), tell: modelCalls.tell },
  );

  const spans = config.spansAs === undefined ? undefined : openSpans(config.spansAs, log);

  const home = process.env["POWERLOOM_HOME"] ?? join(fileURLToPath(new URL(".", import.meta.url)), ".powerloom");
  const codePath = await workflowBundle(process.env["POWERLOOM_CACHE_DIR"] ?? join(home, "cache"));
  const shared = { connection, namespace: config.temporalNamespace };
  const main = await Worker.create({
    ...shared,
    taskQueue: taskQueues.main,
    workflowBundle: { codePath },
    activities: forOwnWorkflow({
      ...createProvisionActivities(deps),
      ...createReconcileActivities(deps),
      ...createSessionActivities(deps),
      ...createRunActivities({
        ...deps,
        models,
        spans,
        workspaces: config.workspacesDirectory ?? join(home, "workspaces"),
        tools: [
          readFileSpec,
          writeFileSpec,
          listDirectorySpec,
          executeCommandSpec,
          ...runtimeSpecs,
          ...controlPlaneSpecs,
        ],
        capabilitySecret: config.sealingKey,
        apiUrl: config.apiInternalUrl,
        fetchOutside: createOutsideFetch(config.privateNetworks),
      }),
      ...createBootstrapActivities({ ...deps, mcpPublicUrl: config.mcpPublicUrl }),
    }),
    maxCachedWorkflows: 1_000,
    maxConcurrentActivityTaskExecutions: 100,
    // A worker that died without notice leaves sticky tasks behind: the default of 10 s is recovery time.
    stickyQueueScheduleToStartTimeout: "1s",
    shutdownGraceTime: "5s",
  });
  const streams = await Worker.create({
    ...shared,
    taskQueue: taskQueues.streams,
    activities: forOwnWorkflow(createStreamActivities(deps)),
    maxConcurrentActivityTaskExecutions: 2_000,
    shutdownGraceTime: "1s",
  });
  const health = createHealth("worker", async () => {
    await db.pool.query("select 1");
    if (main.getState() !== "RUNNING") throw new Error(`the worker is ${main.getState()}`);
  });
  health.registry.registerMetric(modelCalls.counter);
  const server = createServer(express().disable("x-powered-by").use(healthRoutes(health)));
  await listenOn(server, config.workerPort, config.host, "the worker's health (POWERLOOM_WORKER_PORT)");
  await ensureSweepSchedule(temporal, { everySeconds: config.sweepSeconds, olderThanSeconds: config.compareSeconds });
  const running = Promise.all([main.run(), streams.run()]);
  running.catch((error: unknown) => {
    log.error({ err: error }, "the worker stopped");
    process.exit(1);
  });
  const stopSweeps = startSweeps({ db, temporal, reconcileQueue, log });
  log.info({ taskQueue: taskQueues.main, namespace: config.temporalNamespace }, "polling");

  return async () => {
    health.draining = true;
    await stopSweeps();
    reconcileQueue.close();
    main.shutdown();
    streams.shutdown();
    await running;
    await spans?.close();
    server.close();
    await connection.close();
    await temporal.connection.close();
    await db.close();
  };
});

function temporalLogger() {
  const write =
    (level: "debug" | "info" | "warn" | "error") => (message: string, meta?: Record<string | symbol, unknown>) =>
      log[level]({ err: meta?.["error"] }, `temporal: ${message}`);
  return {
    log: (level: string, message: string) => log.debug({ level }, message),
    trace: () => undefined,
    debug: () => undefined,
    info: () => undefined,
    warn: write("warn"),
    error: write("error"),
  };
}
