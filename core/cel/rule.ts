import { Environment, EvaluationError, ParseError, TypeError as RuleTypeError } from "@marcbachmann/cel-js";
import { bind } from "./bindings.ts";
import { guard } from "./guard.ts";
import { type RuleVariables, ruleLimits } from "./rule-types.ts";

/** A condition in CEL that may be evaluated any number of times. */
export interface CompiledRule {
  source: string;
  /** The declared variables it looks at. */
  uses: readonly string[];
  evaluate(values: Readonly<Record<string, unknown>>): unknown;
}

export type Compilation = { ok: true; rule: CompiledRule } | { ok: false; message: string; column: number };

export type Evaluation = { ok: true; value: boolean } | { ok: false; message: string };

/**
 * Reads a condition and checks all that can be known before it is used: size, what it may use, types, and that it is a
 * bool. Pure, and safe in workflow code: the same source always compiles to the same rule.
 * @returns `column` counts characters of the source from 1
 */
export function compileRule(source: string, variables: RuleVariables): Compilation {
  const fault = (message: string, offset = 0): Compilation => ({ ok: false, message, column: offset + 1 });
  if (source.trim() === "") return fault("the rule is empty: write a condition that must hold");
  if (source.length > ruleLimits.length)
    return fault(`the rule has ${source.length} characters; at most ${ruleLimits.length} are allowed`);
  try {
    const parsed = environment(variables).parse(source);
    const uses = new Set<string>();
    const forbidden = guard(parsed.ast, variables, uses);
    if (forbidden !== undefined) return fault(forbidden.message, forbidden.offset);
    const checked = parsed.check();
    if (!checked.valid) return fault(...reasonOf(checked.error));
    if (checked.type !== "bool")
      return fault(
        `the rule must be a bool, and this is ${checked.type ?? "unknown"}: compare it, as in \`… == true\``,
      );
    const evaluate = (values: Readonly<Record<string, unknown>>): unknown => parsed(bind(variables, values));
    return { ok: true, rule: { source, uses: [...uses], evaluate } };
  } catch (error) {
    return fault(...reasonOf(error));
  }
}

/** Whether the condition holds for these values. What it cannot decide (a key that is not there) is an error, as a value. */
export function evaluateRule(rule: CompiledRule, values: Readonly<Record<string, unknown>>): Evaluation {
  try {
    const value = rule.evaluate(values);
    if (typeof value === "boolean") return { ok: true, value };
    return { ok: false, message: "the rule did not come to a bool" };
  } catch (error) {
    return { ok: false, message: reasonOf(error)[0] };
  }
}

function environment(variables: RuleVariables): Environment {
  const { nodes, depth, listElements } = ruleLimits;
  const made = new Environment({ limits: { maxAstNodes: nodes, maxDepth: depth, maxListElements: listElements } });
  for (const [name, type] of Object.entries(variables))
    if (typeof type === "string") made.registerVariable(name, type);
    else made.registerVariable({ name, schema: type });
  return made;
}

function reasonOf(error: unknown): [message: string, offset: number] {
  if (error instanceof ParseError || error instanceof EvaluationError || error instanceof RuleTypeError)
    return [error.summary, error.range?.start ?? 0];
  return [error instanceof Error ? error.message : String(error), 0];
}
