import type { Fault } from "../runs/terms.ts";
import { cyclesIn } from "./cycles.ts";
import { type FaultList, faultList, readList, readObject, readText } from "./reading.ts";
import { type PlanStep, readStep, type StepRules } from "./step.ts";

interface Plan {
  steps: PlanStep[];
  reasoning: string;
  risks: string[];
}

export interface PlanRules extends Pick<StepRules, "tools" | "maxSteps" | "readOnly"> {
  /** Steps of an earlier plan that stay: new ones may depend on them. */
  earlier?: readonly number[];
  /** Characters of a step's arguments as JSON. */
  argsCharacters?: number;
  /** Levels of objects and lists in a step's arguments. */
  argsDepth?: number;
  /** Characters of each text. */
  textCharacters?: number;
}

export type PlanResult = { ok: true; plan: Plan } | { ok: false; faults: Fault[] };

/**
 * Can this be carried out? Never throws, whatever JSON it is given. Each fault says where (RFC 6901), what is wrong and
 * what would be valid, in words that quote nothing of the plan.
 */
export function checkPlan(candidate: unknown, rules: PlanRules): PlanResult {
  const into = faultList();
  const refused = (): PlanResult => ({ ok: false, faults: into.faults });
  const text = rules.textCharacters ?? 10_000;
  const raw = readObject(candidate, "", "a plan", ["steps", "reasoning", "risks"], into);
  if (raw === null) return refused();

  const reasoning = readText(raw["reasoning"], "/reasoning", text, into);
  const risks = readList(raw["risks"], "/risks", 100, "texts", into).map((risk, index) =>
    readText(risk, `/risks/${index}`, text, into),
  );
  const entries = readList(raw["steps"], "/steps", rules.maxSteps, "steps", into);
  if (entries.length === 0 && into.faults.every(({ pointer }) => pointer !== "/steps"))
    into.add("/steps", `is empty or missing: a plan has from 1 to ${rules.maxSteps} steps`);
  const args = { characters: rules.argsCharacters ?? 65_536, depth: rules.argsDepth ?? 16 };
  const steps = entries.map((entry, index) => readStep(entry, `/steps/${index}`, { ...rules, args, text }, into));

  const whole = steps.filter((step) => step !== null);
  // How steps hang together is only looked at when each is one: otherwise the same fault would be told twice.
  if (into.faults.length === 0) checkGraph(whole, rules.earlier ?? [], into);
  return into.faults.length > 0 ? refused() : { ok: true, plan: { steps: whole, reasoning, risks } };
}

function checkGraph(steps: readonly PlanStep[], earlier: readonly number[], into: FaultList): void {
  const indexOf = new Map<number, number>();
  const known = new Set(earlier);
  for (const [index, { step }] of steps.entries()) {
    const first = indexOf.get(step);
    if (first === undefined) indexOf.set(step, index);
    else into.add(`/steps/${index}/step`, `step ${step} is there already, at /steps/${first}: numbers are unique`);
    known.add(step);
  }
  const numbers = [...known].sort((one, other) => one - other);
  for (const [index, { step, depends_on }] of steps.entries())
    for (const need of depends_on)
      if (need === step) into.add(`/steps/${index}/depends_on`, `step ${step} depends on itself`);
      else if (!known.has(need))
        into.add(`/steps/${index}/depends_on`, `there is no step ${need}; steps are ${numbers.join(", ")}`);
  if (into.faults.length > 0) return;

  for (const cycle of cyclesIn(new Map(steps.map(({ step, depends_on }) => [step, depends_on])))) {
    const [first = 0] = cycle;
    const circle = [...cycle, first].join(" → ");
    into.add(`/steps/${indexOf.get(first)}/depends_on`, `steps depend on each other in a circle: ${circle}`);
  }
}
