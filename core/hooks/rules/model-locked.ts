import type { Gate } from "../outcomes.ts";
import type { RunView } from "../subjects.ts";

/** Whoever answered is the model that was bound when the run started. */
export const modelLocked: Gate<{ run: RunView; answeredBy: string }> = {
  name: "model-locked",
  check: ({ run, answeredBy }) =>
    undated(answeredBy) === undated(run.model)
      ? { kind: "pass" }
      : { kind: "abort", reason: `the run is bound to ${run.model}, and ${answeredBy} answered` },
};

// A model asked for by its alias answers with its dated id: claude-haiku-4-5-20251001.
function undated(model: string): string {
  return model.replace(/-\d{8}$/, "");
}
