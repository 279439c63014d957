import { faultInJson, type JsonLimits } from "./json-limits.ts";
import { nearestName } from "./nearest.ts";
import { type FaultList, isObject, readList, readObject, readText } from "./reading.ts";

/** Numbers of steps stay far from where integers end: a replan counts on from the highest. */
const highestStep = 1_000_000;

export interface PlanStep {
  step: number;
  description: string;
  tool: string;
  args: Record<string, unknown>;
  expected_output: string;
  /** What the tool's result must be for the step to count as done. */
  expect?: Expectation;
  depends_on: number[];
}

interface Expectation {
  exit_code?: number;
  contains?: string;
  not_contains?: string;
}

export interface StepRules {
  tools: readonly { name: string; readOnly: boolean }[];
  maxSteps: number;
  /** Only tools that read. */
  readOnly: boolean;
  args: JsonLimits;
  /** Characters of each text. */
  text: number;
}

const stepFields = ["step", "description", "tool", "args", "expected_output", "expect", "depends_on"];
const expectFields = ["exit_code", "contains", "not_contains"];

/** One step by itself; whether numbers are unique and dependencies exist is for the plan. Null: not even an object. */
export function readStep(value: unknown, pointer: string, rules: StepRules, into: FaultList): PlanStep | null {
  const raw = readObject(value, pointer, "a step", stepFields, into);
  if (raw === null) return null;
  const text = (field: string) => readText(raw[field], `${pointer}/${field}`, rules.text, into);
  if (!isStepNumber(raw["step"])) into.add(`${pointer}/step`, `must be a whole number from 1 to ${highestStep}`);
  const expect = raw["expect"] === undefined ? null : readExpectation(raw["expect"], `${pointer}/expect`, rules, into);
  return {
    step: isStepNumber(raw["step"]) ? raw["step"] : 0,
    description: text("description"),
    tool: readTool(raw["tool"], `${pointer}/tool`, rules, into),
    args: readArgs(raw["args"], `${pointer}/args`, rules.args, into),
    expected_output: text("expected_output"),
    ...(expect === null ? {} : { expect }),
    depends_on: readDependencies(raw["depends_on"], `${pointer}/depends_on`, rules.maxSteps, into),
  };
}

function isStepNumber(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= highestStep;
}

function readTool(value: unknown, pointer: string, { tools, readOnly }: StepRules, into: FaultList): string {
  const usable = tools.filter((tool) => tool.readOnly || !readOnly).map((tool) => tool.name);
  const list =
    usable.length > 12 ? `${usable.slice(0, 12).join(", ")} and ${usable.length - 12} more` : usable.join(", ");
  const valid = usable.length === 0 ? "no tool may be used" : `valid are ${list}`;
  if (typeof value !== "string") {
    into.add(pointer, `must be the name of a tool; ${valid}`);
    return "";
  }
  const tool = tools.find((candidate) => candidate.name === value);
  if (tool === undefined) {
    const nearest = nearestName(value, usable);
    into.add(pointer, `is no tool of this run; ${nearest === null ? valid : `did you mean ${nearest}?`}`);
  } else if (readOnly && !tool.readOnly)
    into.add(pointer, `${tool.name} is not a read, and this plan may only read; ${valid}`);
  return value;
}

function readArgs(value: unknown, pointer: string, limits: JsonLimits, into: FaultList): Record<string, unknown> {
  if (!isObject(value)) {
    into.add(pointer, "must be an object with the arguments of the tool, {} for none");
    return {};
  }
  const fault = faultInJson(value, limits);
  if (fault !== null) into.add(pointer, fault);
  return value;
}

function readExpectation(value: unknown, pointer: string, rules: StepRules, into: FaultList): Expectation | null {
  const raw = readObject(value, pointer, "an expectation", expectFields, into);
  if (raw === null) return null;
  const expectation: Expectation = {};
  const exitCode = raw["exit_code"];
  if (Number.isSafeInteger(exitCode)) expectation.exit_code = exitCode as number;
  else if (exitCode !== undefined) into.add(`${pointer}/exit_code`, "must be a whole number");
  for (const field of ["contains", "not_contains"] as const)
    if (raw[field] !== undefined) expectation[field] = readText(raw[field], `${pointer}/${field}`, rules.text, into);
  return expectation;
}

function readDependencies(value: unknown, pointer: string, maxSteps: number, into: FaultList): number[] {
  const needs = new Set<number>();
  for (const [index, need] of readList(value, pointer, maxSteps, "step numbers", into).entries())
    if (isStepNumber(need)) needs.add(need);
    else into.add(`${pointer}/${index}`, `must be the number of a step, from 1 to ${highestStep}`);
  return [...needs];
}
