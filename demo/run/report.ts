import type { Paint } from "../../cli/paint.ts";
import { asText, oneLine, printable } from "../../cli/printable.ts";
import { duration } from "../../core/text/figures.ts";
import type { Evidence, RunFacts, StepFacts } from "./evidence.ts";
import type { Proof } from "./proofs.ts";
import { tableLines } from "./show.ts";

const signs: Readonly<Record<string, string>> = { success: "✓", refused: "✗", failed: "✗", timeout: "✗", unknown: "?" };

/** What was planned, and what came of each step. */
export function planLines(runs: readonly RunFacts[], paint: Paint): string[] {
  return runs.flatMap((planner) => {
    const { plan } = planner;
    if (plan === null) return [];
    const executor = runs.find(({ id, agent }) => agent === "executor" && isPlanOf(runs, planner, id));
    const rows = plan.steps.map(({ step, description, tool, depends_on: after }) => {
      const done = executor?.steps.findLast((one) => one.plan_step === step && one.step_type === "tool_call");
      return [
        `  ${step}`,
        stateOf(done),
        tool,
        after.length === 0 ? "at once" : `after ${after.join(", ")}`,
        oneLine(description, 90),
      ];
    });
    return [
      ...tableLines(rows),
      "",
      `  ${paint("dim", `why: ${oneLine(plan.reasoning, 300)}`)}`,
      ...plan.risks.map((risk) => `  ${paint("dim", `risk: ${oneLine(risk, 300)}`)}`),
      "",
    ];
  });
}

/** The executor that came after this planner and before the next one. */
function isPlanOf(runs: readonly RunFacts[], planner: RunFacts, executorId: string): boolean {
  const before = runs.slice(
    0,
    runs.findIndex(({ id }) => id === executorId),
  );
  return before.findLast(({ plan }) => plan !== null) === planner;
}

function stateOf(step: StepFacts | undefined): string {
  if (step === undefined) return "· not reached";
  return `${signs[step.status] ?? "·"} ${duration(step.duration_ms ?? 0)}`;
}

/** What the reviewer thinks of the change. */
export function reviewLines(runs: readonly RunFacts[], paint: Paint): string[] {
  return runs
    .filter(({ agent, output }) => agent === "reviewer" && output !== null)
    .map(({ output }) => {
      const passed = output?.["verdict"] === "pass";
      return `  ${passed ? paint("green", "✓ pass") : paint("red", "✗ fail")}: ${printable(asText(output?.["summary"]))}`;
    });
}

/** The trail of the run and its subagents: whose deed, what, how it went. */
export function auditLines({ audit, runs }: Evidence, people: { requester: string; approver: string }): string[] {
  const agents = new Map(runs.map(({ id, agent }) => [`run:${id}`, agent]));
  return tableLines(
    audit.map(({ position, operation, outcome, target, act }) => [
      `  ${String(position).padStart(4)}`,
      operation === "approval.vote" ? people.approver : act === null ? people.requester : (agents.get(act) ?? act),
      operation,
      outcome,
      oneLine((target ?? "").replace(/^run:.*/, ""), 80),
    ]),
  );
}

export function proofLines(proofs: readonly Proof[], paint: Paint): string[] {
  return proofs.map(
    ({ holds, claim, seen }) =>
      `  ${holds ? paint("green", "✓") : paint("red", "✗")} ${claim} ${paint("dim", `(${seen})`)}`,
  );
}
