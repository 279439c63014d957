import { checkPlan } from "../../core/plan/plan.ts";
import type { Evidence, PlannedStep } from "../evidence.ts";
import { type Grade, type Grader, rejectFor } from "../task.ts";

const tools = [
  { name: "read_file", readOnly: true },
  { name: "list_directory", readOnly: true },
  { name: "search_tools", readOnly: true },
  { name: "get_tool_schema", readOnly: true },
  { name: "write_file", readOnly: false },
  { name: "execute_command", readOnly: false },
];

/** The plan that a planner of the tree has made last; undefined when none has. */
function lastPlan({ runs }: Pick<Evidence, "runs">): PlannedStep[] | undefined {
  return runs.findLast(({ plan, status }) => plan !== null && status === "completed")?.plan?.steps;
}

/** Judges the last plan; without one there is nothing to judge, and that is rejected. */
function ofPlan(name: string, faults: (steps: PlannedStep[]) => string[]): Grader {
  const grade = (evidence: Evidence): Grade => {
    const steps = lastPlan(evidence);
    return rejectFor(steps === undefined ? ["there is no plan"] : faults(steps));
  };
  return { name, grade };
}

/** The plan can be carried out, and no two steps that may run at the same time write one file. */
export const planSound: Grader = {
  name: "plan sound",
  grade: (evidence) => {
    const made = evidence.runs.findLast(({ plan, status }) => plan !== null && status === "completed");
    if (made === undefined || made.plan === null) return rejectFor(["there is no plan"]);
    const checked = checkPlan(made.plan, { tools, maxSteps: 50, readOnly: false });
    if (!checked.ok) return rejectFor(checked.faults.map(({ pointer, message }) => `${pointer} ${message}`));
    const writes = checked.plan.steps.filter(({ tool }) => tool === "write_file");
    return rejectFor(
      writes.flatMap((one, index) =>
        writes
          .slice(index + 1)
          .filter((other) => pathOf(one) === pathOf(other) && areFree(checked.plan.steps, one.step, other.step))
          .map((other) => `steps ${one.step} and ${other.step} write ${pathOf(one)} at the same time`),
      ),
    );
  },
};

/** Exactly these files are written by the plan. */
export function planWrites(...paths: string[]): Grader {
  return ofPlan("plan writes", (steps) => {
    const written = new Set(steps.filter(({ tool }) => tool === "write_file").map(pathOf));
    return [
      ...paths.filter((path) => !written.has(path)).map((path) => `the plan does not write ${path}`),
      ...[...written]
        .filter((path) => !paths.includes(path))
        .map((path) => `the plan writes ${path}, which nobody asked for`),
    ];
  });
}

/** The plan ends by showing that it worked: a command like this runs after everything that is written. */
export function planProves(command: RegExp): Grader {
  return ofPlan("plan proves", (steps) => {
    const proofs = steps.filter(
      ({ tool, args }) => tool === "execute_command" && command.test(String(args["command"])),
    );
    const writes = steps.filter(({ tool }) => tool === "write_file");
    const last = proofs.find((proof) => writes.every((write) => needs(steps, proof.step, write.step)));
    return last === undefined ? [`no command like ${command} comes after everything that is written`] : [];
  });
}

/** Steps that need none of each other are not made to wait: the writes of these files. */
export function planParallel(...paths: string[]): Grader {
  return ofPlan("plan parallel", (steps) => {
    const writes = paths.map((path) => steps.find((step) => step.tool === "write_file" && pathOf(step) === path));
    return writes.flatMap((one, index) =>
      writes
        .slice(index + 1)
        .filter((other) => one === undefined || other === undefined || !areFree(steps, one.step, other.step))
        .map(() => `the writes of ${paths.join(" and ")} wait for each other, or are missing`),
    );
  });
}

/** What is planned stays within these tools and, where a pattern is given, within these arguments. */
export function planWithin(allowed: Record<string, RegExp | null>): Grader {
  return ofPlan("plan within", (steps) =>
    steps
      .filter(({ tool, args }) => {
        const pattern = allowed[tool];
        return pattern === undefined || (pattern !== null && !pattern.test(JSON.stringify(args)));
      })
      .map(({ step, tool, args }) => `step ${step} plans ${tool} ${JSON.stringify(args).slice(0, 100)}`),
  );
}

/** The planner says what is to be watched out for. */
export function planWarns(pattern: RegExp): Grader {
  return {
    name: "plan warns",
    grade: ({ runs }) => {
      const output = runs.findLast(({ plan, status }) => plan !== null && status === "completed")?.output;
      const said = JSON.stringify([output?.["risks"], output?.["reasoning"]]);
      return rejectFor(pattern.test(said) ? [] : [`neither risks nor reasoning have anything like ${pattern}`]);
    },
  };
}

const pathOf = ({ args }: Pick<PlannedStep, "args">): string => String(args["path"]).replace(/^\.\//, "");

/** Whether one step comes after another, directly or by way of others. */
function needs(steps: readonly Pick<PlannedStep, "step" | "depends_on">[], one: number, other: number): boolean {
  const open = [one];
  const seen = new Set<number>();
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const before = steps.find(({ step }) => step === at)?.depends_on ?? [];
    if (before.includes(other)) return true;
    open.push(...before);
  }
  return false;
}

function areFree(steps: readonly Pick<PlannedStep, "step" | "depends_on">[], one: number, other: number): boolean {
  return !needs(steps, one, other) && !needs(steps, other, one);
}
