import { checkAudited } from "./audited.ts";
import { checkAuthority } from "./authority.ts";
import { checkBudgets } from "./budgets.ts";
import { checkChain } from "./chain.ts";
import { checkEffects } from "./effects.ts";
import type { Evidence } from "./evidence.ts";
import { toldBy } from "./facts.ts";
import { checkProvider } from "./provider.ts";
import type { Violation } from "./record.ts";
import { checkStuck } from "./stuck.ts";

/** Compares what clients know with what is there. Knows nothing of how the product works: rows, hashes and logs only. */
export function check(evidence: Evidence): Violation[] {
  const told = toldBy(evidence.log);
  return [
    ...checkEffects(evidence, told),
    ...checkProvider(evidence),
    ...checkChain(evidence),
    ...checkAudited(evidence),
    ...checkAuthority(evidence, told),
    ...checkBudgets(evidence),
    ...checkToolCalls(evidence),
    ...checkGaps(evidence),
    ...checkStuck(evidence),
  ];
}

/** Each call is asked for in words of its own: the same words twice are one call made twice. */
function checkToolCalls({ toolCalls }: Evidence): Violation[] {
  return [...Map.groupBy(toolCalls, (words) => words)]
    .filter(([, calls]) => calls.length > 1)
    .map(([words, { length }]) => ({ kind: "duplicated", what: `the tool call "${words}" was made ${length} times` }));
}

function checkGaps({ gaps }: Evidence): Violation[] {
  return gaps.map(({ id, events, last }) => ({
    kind: "lost",
    what: `${id} has ${events} events, and the last one is number ${last}`,
  }));
}
