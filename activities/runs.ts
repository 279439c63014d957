import type { RunRef } from "../core/ids.ts";
import type {
  Adopted,
  AdoptOrder,
  BudgetAnswer,
  BudgetAsk,
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
import { beating } from "./beats.ts";
import { askForBudget, settleBudget } from "./runs/budget-raises.ts";
import { callModel } from "./runs/call-model.ts";
import { noteRun, pauseRun, takeCommands } from "./runs/commands.ts";
import { returnResult } from "./runs/delegate.ts";
import type { RunDeps } from "./runs/deps.ts";
import { endAbandonedRuns } from "./runs/end-abandoned.ts";
import { finishRun } from "./runs/finish-run.ts";
import { openRun } from "./runs/open-run.ts";
import { askPermission, settlePermission } from "./runs/permission.ts";
import { adoptPlan, planAnew } from "./runs/replan.ts";
import { runTool } from "./runs/run-tool.ts";

export type RunActivities = ReturnType<typeof createRunActivities>;

/** What `agentRun` may do to the world. Every one of them, repeated, answers the same and does nothing twice. */
export function createRunActivities(deps: RunDeps) {
  return {
    openRun: (order: RunRef & { caps?: RunCaps }): Promise<OpenedRun> => beating(() => openRun(deps, order)),
    callModel: (call: ModelCall): Promise<ModelAnswer> => beating(({ certain }) => callModel(deps, call, certain)),
    runTool: (order: ToolOrder): Promise<ToolOutcome> => beating(({ certain }) => runTool(deps, order, certain)),
    returnResult: (ref: RunRef & { stepId: string; childRunId: string }) => beating(() => returnResult(deps, ref)),
    planAnew: (order: ReplanOrder) => beating(() => planAnew(deps, order)),
    adoptPlan: (order: AdoptOrder): Promise<Adopted> => beating(() => adoptPlan(deps, order)),
    askPermission: (ask: PermissionAsk): Promise<PermissionState> => beating(() => askPermission(deps, ask)),
    settlePermission: (ref: RunRef & { requestId: string }): Promise<PermissionState> =>
      beating(() => settlePermission(deps, ref)),
    askForBudget: (ask: BudgetAsk): Promise<PermissionState> => beating(() => askForBudget(deps, ask)),
    settleBudget: (ref: RunRef & { requestId: string }): Promise<BudgetAnswer> =>
      beating(() => settleBudget(deps, ref)),
    takeCommands: (ref: RunRef & { after?: number }): Promise<TakenCommands> => beating(() => takeCommands(deps, ref)),
    pauseRun: (ref: RunRef & { id: string; reason: string }): Promise<void> => beating(() => pauseRun(deps, ref)),
    noteRun: (note: RunNote): Promise<void> => beating(() => noteRun(deps, note)),
    finishRun: (end: RunEnd): Promise<RunResult> => beating(() => finishRun(deps, end)),
    /** For the sweep, not for the runs themselves. */
    endAbandonedRuns: (order: { olderThanSeconds: number }): Promise<number> =>
      beating(() => endAbandonedRuns(deps, order)),
  };
}
