import { setFlagsFromString } from "node:v8";

/**
 * Gives the contexts of workflows, which are made after this, stacks of three frames; activities and everything else of this
 * process keep ten. The SDK takes a stack trace of every promise of a workflow and looks each frame up in its source map:
 * with ten frames that was half of the time that workflow code took (ADR 15).
 */
export function shortWorkflowStacks(): void {
  setFlagsFromString("--stack-trace-limit=3");
}
