import { type RunToolName, runToolInputs, runToolOutputs } from "../contracts/run-tools.ts";
import { runsInstructions } from "./instructions.ts";
import { runToolTexts } from "./run-tool-texts.ts";
import { type Tool, type ToolSet, toolConfig } from "./tool-server.ts";
import { cancelRun, getRun, listRuns, startRun } from "./tools/runs.ts";
import type { RunToolFunction } from "./tools/tool-call.ts";
import { waitRun } from "./tools/wait-run.ts";

const functions: { [Name in RunToolName]: RunToolFunction<Name> } = {
  start_run: startRun,
  get_run: getRun,
  wait_run: waitRun,
  list_runs: listRuns,
  cancel_run: cancelRun,
};

const toolNames = Object.keys(runToolTexts) as RunToolName[];

/** `powerloom_runs`: the five tools that start runs of agents and follow them. */
export const runsToolSet: ToolSet = {
  name: "powerloom_runs",
  title: "Powerloom agent runs",
  instructions: runsInstructions,
  // Each file is an element with three members.
  mostInputElements: 1_000,
  tools: toolNames.map((name) => ({
    name,
    config: toolConfig(runToolTexts[name], runToolInputs[name], runToolOutputs[name]),
    output: runToolOutputs[name],
    // The table pairs each name with its own input; the compiler cannot follow a name that varies.
    run: functions[name] as Tool["run"],
    outcomeOf: () => (runToolTexts[name].reads ? "read" : "accepted"),
  })),
};
