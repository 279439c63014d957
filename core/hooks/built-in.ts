import type { Rule } from "./outcomes.ts";
import type { HookPoint } from "./points.ts";
import { argumentsValid } from "./rules/arguments-valid.ts";
import { inputValid } from "./rules/input-valid.ts";
import { leaseValid } from "./rules/lease-valid.ts";
import { loopVerdict } from "./rules/loop-verdict.ts";
import { lowBudgetAlert } from "./rules/low-budget-alert.ts";
import { modelLocked } from "./rules/model-locked.ts";
import { outputCoherent } from "./rules/output-coherent.ts";
import { outputValid } from "./rules/output-valid.ts";
import { planSound } from "./rules/plan-sound.ts";
import { resultValid } from "./rules/result-valid.ts";
import { toolAllowed } from "./rules/tool-allowed.ts";
import type { SubjectOf } from "./subjects.ts";

/** Our own rules at each point, in their order: who may, then what, then whether it fits. */
export const builtInHooks: { readonly [P in HookPoint]: readonly Rule<SubjectOf<P>>[] } = {
  on_task_received: [leaseValid, inputValid],
  on_plan: [modelLocked, planSound],
  before_tool: [modelLocked, toolAllowed, leaseValid, argumentsValid],
  after_tool: [resultValid, lowBudgetAlert, loopVerdict],
  before_finalize: [modelLocked, outputValid, outputCoherent],
  on_terminate: [],
};

/** These guard rights, budgets and runaways. They are asked whether or not a definition enables their point. */
const alwaysAsked: ReadonlySet<string> = new Set([
  leaseValid.name,
  modelLocked.name,
  planSound.name,
  toolAllowed.name,
  lowBudgetAlert.name,
  loopVerdict.name,
]);

/** All rules of a point, in their order: ours first, then those of the definition. */
export function rulesAt<P extends HookPoint>(
  point: P,
  enabled: readonly HookPoint[],
  own: readonly Rule<SubjectOf<P>>[],
): readonly Rule<SubjectOf<P>>[] {
  if (enabled.includes(point)) return [...builtInHooks[point], ...own];
  return builtInHooks[point].filter(({ name }) => alwaysAsked.has(name));
}
