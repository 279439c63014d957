import type { Say } from "../../core/runs/facts.ts";
import type { Fault } from "../../core/runs/terms.ts";

/** The words for what the runtime says to a model of its own accord. */
export function wordsFor(say: Say): string {
  switch (say.kind) {
    case "loop_warning":
      return `[powerloom] You seem to be going in circles (${say.pattern}: ${say.tool}, ${say.times} times). The same call will give the same result. Try something else, or finish with what you have.`;
    case "replan":
      return `[powerloom] You were going in circles (${say.pattern} with ${say.tool}), so the conversation begins anew. What was done so far is done; results are below. Do not repeat what did not work: think of another way first, then follow it.`;
    case "invalid_output":
      return `[powerloom] Your answer does not fit the output schema. ${listed(say.faults)} Give the whole answer again, corrected.`;
    case "refused_output":
      return `[powerloom] Your answer was not accepted: ${say.reason}. Give the whole answer again, corrected.`;
    case "invalid_plan":
      return `[powerloom] The plan cannot be run as it is. ${listed(say.faults)} Give the whole plan again, corrected.`;
    case "unexpected_result":
      return `[powerloom] This is not what the step expected: ${say.fault}. Say how to go on: another tool call, or the final answer with status "failed".`;
    case "budget_low":
      return `[powerloom] ${say.percent} % of the budget (${say.unit}) is used. Come to an end soon.`;
  }
}

function listed(faults: readonly Fault[]): string {
  return faults
    .slice(0, 10)
    .map(({ pointer, message }) => `${pointer === "" ? "(root)" : pointer}: ${message}.`)
    .join(" ");
}
