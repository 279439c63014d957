import type { BudgetAlert } from "../budget/tree.ts";
import type { HookPoint } from "./points.ts";

/** Something to be recorded, that changes nothing. */
type Note =
  | { type: "budget_warning"; alerts: readonly BudgetAlert[] }
  | { type: "loop_detected"; level: "warn" | "replan"; reason: string }
  | { type: "rule_warning"; message: string };

/** What one rule makes of a subject. */
export type RuleOutcome<S> =
  | { kind: "pass"; subject?: S }
  | { kind: "repair"; subject: S; note: string }
  /** Not this; the run goes on, and the model is told why. */
  | { kind: "refuse"; reason: string }
  /** The run ends. */
  | { kind: "abort"; reason: string }
  /** A person must say whether to go on. */
  | { kind: "ask"; question: string }
  | { kind: "note"; event: Note };

/** A rule is pure: the same subject, the same outcome. */
export interface Rule<S> {
  name: string;
  check(subject: S): RuleOutcome<S>;
}

/** A rule that leaves the subject as it is. It serves wherever a subject has what it looks at. */
export interface Gate<S> {
  name: string;
  check(subject: S): RuleOutcome<never>;
}

/** What a chain of rules brought up, in the order of its rules. */
export type HookEvent = { point: HookPoint; rule: string } & (
  | { kind: "repair"; note: string }
  | { kind: "refuse" | "abort"; reason: string }
  | { kind: "ask"; question: string }
  | { kind: "note"; event: Note }
);

export interface Question {
  rule: string;
  question: string;
}

/** What a whole chain says. `subject` is as the rules left it. */
export type ChainOutcome<S> = { subject: S; events: readonly HookEvent[] } & (
  | { kind: "pass" }
  | { kind: "ask"; questions: readonly Question[] }
  | { kind: "refuse" | "abort"; rule: string; reason: string }
);
