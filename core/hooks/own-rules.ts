import { compileRule, evaluateRule } from "../cel/rule.ts";
import type { Gate, RuleOutcome } from "./outcomes.ts";
import type { HookPoint } from "./points.ts";
import { contentVariables, ruleValues, ruleVariables } from "./rule-variables.ts";
import type { SubjectOf } from "./subjects.ts";

/** A rule that a definition brings along: a CEL condition that must hold. */
export interface OwnRule {
  name: string;
  rule: string;
  message: string;
  on_violation: "refuse" | "abort" | "warn";
}

/** A definition's rule, ready to be asked. */
export interface OwnGate<P extends HookPoint> extends Gate<SubjectOf<P>> {
  /** It looks at what people or models wrote: it can be asked only where that is at hand. */
  readsContent: boolean;
}

// A stored definition never changes and is kept in memory: each of its rules is compiled once, and goes with it.
const ready = new WeakMap<OwnRule, unknown>();

/**
 * Makes a definition's rules of one point ready. One that cannot be evaluated throws, and so aborts the run.
 * @param rules belong to this point alone, and are never changed
 * @throws Error when a rule does not compile: definitions are checked before they are stored
 */
export function ownRules<P extends HookPoint>(point: P, rules: readonly OwnRule[]): OwnGate<P>[] {
  return rules.map((own) => {
    const known = ready.get(own) as OwnGate<P> | undefined;
    if (known !== undefined) return known;
    const made = gateOf(point, own);
    ready.set(own, made);
    return made;
  });
}

function gateOf<P extends HookPoint>(point: P, own: OwnRule): OwnGate<P> {
  const compiled = compileRule(own.rule, ruleVariables[point]);
  if (!compiled.ok) throw new Error(`the rule ${own.name} of ${point} does not compile: ${compiled.message}`);
  const { rule } = compiled;
  return {
    name: own.name,
    readsContent: rule.uses.some((name) => contentVariables.has(name)),
    check: (subject) => {
      const result = evaluateRule(rule, ruleValues(point, subject));
      if (!result.ok) throw new Error(result.message);
      return result.value ? { kind: "pass" } : violated(own);
    },
  };
}

function violated({ message, on_violation }: OwnRule): RuleOutcome<never> {
  if (on_violation === "warn") return { kind: "note", event: { type: "rule_warning", message } };
  return { kind: on_violation, reason: message };
}
