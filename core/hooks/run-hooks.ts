import type { ChainOutcome, HookEvent, Question, Rule, RuleOutcome } from "./outcomes.ts";
import type { HookPoint } from "./points.ts";
import type { SubjectOf } from "./subjects.ts";

/**
 * Asks the rules of one point, in their order. A rule sees what the ones before it repaired; the first to refuse or
 * abort ends the chain, and outweighs every question asked before it: nobody is asked about what cannot be. A rule that
 * throws aborts the run with its message (design §9). Pure.
 */
export function runHooks<P extends HookPoint>(
  point: P,
  rules: readonly Rule<SubjectOf<P>>[],
  subject: SubjectOf<P>,
): ChainOutcome<SubjectOf<P>> {
  const events: HookEvent[] = [];
  const questions: Question[] = [];
  let current = subject;
  for (const asked of rules) {
    const rule = asked.name;
    const outcome = attempt(asked, current);
    switch (outcome.kind) {
      case "pass":
        current = outcome.subject ?? current;
        break;
      case "repair":
        current = outcome.subject;
        events.push({ point, rule, kind: "repair", note: outcome.note });
        break;
      case "note":
        events.push({ point, rule, kind: "note", event: outcome.event });
        break;
      case "ask":
        questions.push({ rule, question: outcome.question });
        events.push({ point, rule, kind: "ask", question: outcome.question });
        break;
      case "refuse":
      case "abort":
        events.push({ point, rule, kind: outcome.kind, reason: outcome.reason });
        return { kind: outcome.kind, rule, reason: outcome.reason, subject: current, events };
    }
  }
  if (questions.length > 0) return { kind: "ask", questions, subject: current, events };
  return { kind: "pass", subject: current, events };
}

function attempt<S>(rule: Rule<S>, subject: S): RuleOutcome<S> {
  try {
    return rule.check(subject);
  } catch (error) {
    return { kind: "abort", reason: `the rule failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}
