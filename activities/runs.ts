import type { RunRef } from "../core/ids.ts";
import type {
  Adopted,
  AdoptOrder,
  ModelAnswer,
  ModelCall,
  OpenedRun,
  PermissionAsk,
  PermissionState,
  ReplanOrder,
  RunCaps,
  RunEnd,
  RunNote,
  RunResult,
  TakenCommands,
  ToolOrder,
  ToolOutcome,
} from "../core/runs/facts.ts";
import { callModel } from "./runs/call-model.ts";
import { noteRun, pauseRun, takeCommands } from "./runs/commands.ts";
import { returnResult } from "./runs/delegate.ts";
import type { RunDeps } from "./runs/deps.ts";
import { finishRun } from "./runs/finish-run.ts";
import { openRun } from "./runs/open-run.ts";
import { askPermission, settlePermission } from "./runs/permission.ts";
import { adoptPlan, planAnew } from "./runs/replan.ts";
import { runTool } from "./runs/run-tool.ts";

export type RunActivities = ReturnType<typeof createRunActivities>;

/** What `agentRun` may do to the world. Every one of them, repeated, answers the same and does nothing twice. */
export function createRunActivities(deps: RunDeps) {
  return {
    openRun: (order: RunRef & { caps?: RunCaps }): Promise<OpenedRun> => openRun(deps, order),
    callModel: (call: ModelCall): Promise<ModelAnswer> => callModel(deps, call),
    runTool: (order: ToolOrder): Promise<ToolOutcome> => runTool(deps, order),
    returnResult: (ref: RunRef & { stepId: string; childRunId: string }) => returnResult(deps, ref),
    planAnew: (order: ReplanOrder) => planAnew(deps, order),
    adoptPlan: (order: AdoptOrder): Promise<Adopted> => adoptPlan(deps, order),
    askPermission: (ask: PermissionAsk): Promise<PermissionState> => askPermission(deps, ask),
    settlePermission: (ref: RunRef & { requestId: string }): Promise<PermissionState> => settlePermission(deps, ref),
    takeCommands: (ref: RunRef): Promise<TakenCommands> => takeCommands(deps, ref),
    pauseRun: (ref: RunRef & { reason: string }): Promise<void> => pauseRun(deps, ref),
    noteRun: (note: RunNote): Promise<void> => noteRun(deps, note),
    finishRun: (end: RunEnd): Promise<RunResult> => finishRun(deps, end),
  };
}
