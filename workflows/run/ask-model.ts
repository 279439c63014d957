import { ActivityFailure, ApplicationFailure, isCancellation } from "@temporalio/workflow";
import { release, reserve, settle, settleAtFull } from "../../core/budget/reservations.ts";
import { type BudgetRefusal, rootNode, type Settlement } from "../../core/budget/tree.ts";
import { view } from "../../core/budget/view.ts";
import type { ModelAnswer } from "../../core/runs/facts.ts";
import { records, work } from "./activities.ts";
import { RunEnding } from "./ending.ts";
import { budgetUse } from "./hooks.ts";
import { budgetMet } from "./raise-budget.ts";
import type { Run, ThreadState } from "./state.ts";

export type Answered = Extract<ModelAnswer, { kind: "answered" }>;

/** Less room than this for an answer is no use. */
const leastOutput = 256;

/**
 * One answer of the model, paid from the budget: reserved before the call, settled after it. A call of unknown outcome is
 * charged in full and may be repeated once (design §9).
 */
export async function askModel(
  run: Run,
  thread: ThreadState,
  planStep: number | null,
  finalOnly: boolean,
): Promise<Answered> {
  const { state } = run;
  state.stepNum += 1;
  const { stepNum } = state;
  thread.turns += 1;
  let prompt = thread.promptTokens;
  let exact = false;
  let unknown = 0;
  for (let attempt = 1; ; attempt += 1) {
    const stepId = `${thread.name}/${thread.turns}${attempt === 1 ? "" : `-${attempt}`}`;
    let held = hold(run, stepId, prompt, exact);
    while ("refusal" in held) {
      await budgetMet(run, held.refusal);
      held = hold(run, stepId, prompt, exact);
    }
    let answer: ModelAnswer;
    try {
      answer = await work.callModel({
        ...run.ref,
        thread: thread.name,
        stepId,
        stepNum,
        planStep,
        reservedTokens: held.tokens,
        maxOutputTokens: held.output,
        say: thread.say,
        finalOnly,
        budget: budgetUse(run),
      });
    } catch (error) {
      // Nobody knows whether it was sent: it counts in full.
      await charge(run, settleAtFull(state.budget, stepId));
      if (isCancellation(error)) throw error;
      throw new RunEnding("failed", "model-unavailable", messageOf(error));
    }
    switch (answer.kind) {
      case "answered":
        await charge(
          run,
          settle(state.budget, stepId, { tokens: answer.tokens, costMicros: answer.costMicros, calls: 1 }),
        );
        thread.say = [];
        thread.promptTokens = answer.contextTokens;
        return answer;
      case "too_small":
        await charge(run, release(state.budget, stepId));
        prompt = answer.neededTokens - held.output;
        exact = true;
        break;
      case "unknown":
        await charge(run, settleAtFull(state.budget, stepId));
        unknown += 1;
        if (unknown > 1) throw new RunEnding("failed", "model-unknown-twice", answer.message);
        break;
      case "refused":
        await charge(run, release(state.budget, stepId));
        throw new RunEnding("failed", answer.rule, answer.message);
    }
    if (attempt === 6)
      throw new RunEnding("failed", "model-unavailable", "the prompt keeps growing while it is counted");
  }
}

/**
 * Reserves what a call can need at most. The prompt's bound is loose, so when it does not fit, what is left is reserved
 * instead: the activity counts exactly, and sends nothing that could need more.
 */
function hold(
  run: Run,
  id: string,
  promptTokens: number,
  exact: boolean,
): { tokens: number; output: number } | { refusal: BudgetRefusal } {
  const { opened, budget } = run.state;
  const left = view(budget, rootNode);
  const tokensLeft = left?.tokens.left ?? Number.MAX_SAFE_INTEGER;
  const costLeft = left?.costMicros.left ?? Number.MAX_SAFE_INTEGER;
  const cost = (prompt: number, output: number) =>
    Math.ceil((prompt * opened.rates.input + output * opened.rates.output) / 1_000_000);
  let output = opened.maxOutputTokens;
  let prompt = promptTokens;
  // A quarter of the bound by bytes is about the truth: with less there is no point in trying.
  const least = exact ? promptTokens : Math.ceil(promptTokens / 4);
  const fits = (p: number, o: number) => p + o <= tokensLeft && cost(p, o) <= costLeft;
  // Calls side by side give most of it back soon: better to wait for that than to cut this answer short.
  if (!fits(least, output) && Object.keys(budget.held).length > 0) {
    const reason = `${least + output} tokens are needed and others hold what is left`;
    const needed = least + output;
    return { refusal: { ok: false, node: rootNode, unit: "tokens", needed, available: tokensLeft, reason } };
  }
  while (output > leastOutput && !fits(least, output)) output = Math.max(leastOutput, Math.floor(output / 2));
  if (fits(least, output) && !fits(prompt, output)) {
    prompt = Math.min(prompt, tokensLeft - output);
    while (prompt > least && !fits(prompt, output)) prompt = Math.max(least, Math.floor(prompt * 0.9));
  }
  const result = reserve(budget, {
    node: rootNode,
    id,
    amounts: { tokens: prompt + output, costMicros: cost(prompt, output), calls: 1 },
    now: Date.now(),
  });
  if (!result.ok) return { refusal: result };
  run.state.budget = result.state;
  return { tokens: prompt + output, output };
}

/** Takes over what a settlement leaves, and has what it brings up recorded. */
export async function charge(run: Run, settlement: Settlement): Promise<void> {
  run.state.budget = settlement.state;
  for (const { node, unit, percent } of settlement.alerts) {
    // Raised, a cap can be neared again: that is another alert.
    const cap = settlement.state.nodes[node]?.cap[unit] ?? 0;
    if (node !== rootNode) continue;
    await records.noteRun({
      ...run.ref,
      id: `budget:${unit}:${percent}:${cap}`,
      type: "budget_warning",
      payload: { unit, percent, cap },
    });
  }
  if (settlement.excess !== null)
    await records.noteRun({
      ...run.ref,
      id: `excess:${run.state.stepNum}`,
      type: "budget_warning",
      payload: { reason: "more was used than had been reserved", ...settlement.excess },
    });
}

function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure || cause instanceof Error ? cause.message.slice(0, 300) : "unknown";
}
