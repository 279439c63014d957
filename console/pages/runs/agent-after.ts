import { fieldsOf, numberIn, type RunEvent, textIn } from "./payload.ts";
import type { AgentState, StepMark } from "./run-state.ts";

/** How a run stands after one of its events, and the steps of a plan that it carries out. Pure. */
export function agentAfter(agent: AgentState, event: RunEvent): AgentState {
  const planStep = numberIn(event, "plan_step") ?? planStepOf(textIn(event, "step_id"));
  const stepIs = (mark: StepMark, tokens = 0) => withStep(agent, planStep, mark, tokens);
  switch (event.type) {
    case "run_started":
      return { ...agent, agent: textIn(event, "agent") || agent.agent, status: "running" };
    case "model_answered": {
      const tokens = numberIn(event, "tokens") ?? 0;
      const plan = stepIs(fieldsOf(event)["final"] === true ? "done" : "running", tokens);
      return { ...agent, tokens: agent.tokens + tokens, plan };
    }
    case "run_step":
      // What a step failed in is asked of the model next; only its answer, or the run's end, says that the step has failed.
      return { ...agent, plan: stepIs(textIn(event, "status") === "success" ? "done" : "running") };
    case "permission_requested":
      return { ...agent, status: "waiting", plan: stepIs("waiting") };
    case "permission_approved":
    case "permission_denied":
    case "permission_expired":
    case "permission_cancelled":
      return { ...agent, status: "running", plan: stepIs("running") };
    case "budget_requested":
      return { ...agent, status: "waiting" };
    case "paused":
    case "told_to_pause":
      return { ...agent, status: "paused" };
    case "budget_raised":
    case "budget_refused":
    case "resumed":
    case "told_to_resume":
      return { ...agent, status: "running" };
    case "run_completed":
    case "run_failed": {
      const status = textIn(event, "status") || "failed";
      return { ...agent, status, plan: closed(agent.plan, status) };
    }
    default:
      return agent;
  }
}

function withStep(agent: AgentState, number: number | null, mark: StepMark, tokens: number): AgentState["plan"] {
  if (number === null) return agent.plan;
  const before = agent.plan.get(number);
  return new Map(agent.plan).set(number, { mark, tokens: (before?.tokens ?? 0) + tokens });
}

/** A run that is over has nothing open. */
function closed(plan: AgentState["plan"], status: string): AgentState["plan"] {
  const open = status === "completed" ? "done" : "failed";
  return new Map(
    [...plan].map(([number, step]) => [
      number,
      step.mark === "done" || step.mark === "failed" ? step : { ...step, mark: open },
    ]),
  );
}

/** The number of the planned step that a step's id, or a thread, names: `step-4/1.1` is of step 4. */
export function planStepOf(name: string): number | null {
  const number = /^step-(\d+)/.exec(name)?.[1];
  return number === undefined ? null : Number(number);
}
