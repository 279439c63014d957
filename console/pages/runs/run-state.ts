import { fieldsOf, numberIn, type RunEvent, textIn } from "./payload.ts";
import { remarkOn, type Weight } from "./remarks.ts";

/** What has been heard of a run and its subagents while it was watched: plain values, made of events by `runStateAfter`. */
export interface RunState {
  /** The run that is looked at. Of those above it and beside it nothing is kept. */
  viewId: string;
  agents: ReadonlyMap<string, AgentState>;
  /** Run and thread → the last words of a model that is speaking there. */
  speaking: ReadonlyMap<string, Speech>;
  /** The last events, oldest first. */
  log: readonly LogLine[];
  /** What somebody should look at: alerts of budgets, loops, refusals. The last ones, oldest first. */
  alerts: readonly LogLine[];
  /** Tokens used so far, by time. Thinned out when there are many. */
  usage: readonly UsagePoint[];
  /** Events heard. */
  heard: number;
  /** Position of the last event. */
  position: number;
  ended: boolean;
}

export interface AgentState {
  id: string;
  agent: string;
  /** Of those words that runs have for it: running, waiting, paused, completed … */
  status: string;
  tokens: number;
  /** Steps of a plan that it carries out, by number. */
  plan: ReadonlyMap<number, PlanStepState>;
}

export type StepMark = "queued" | "running" | "waiting" | "done" | "failed" | "skipped";

export interface PlanStepState {
  mark: StepMark;
  tokens: number;
}

interface Speech {
  run: string;
  thread: string;
  text: string;
}

export interface LogLine {
  position: number;
  at: string;
  run: string;
  agent: string;
  type: string;
  planStep: number | null;
  weight: Weight;
  text: string;
}

interface UsagePoint {
  /** Epoch milliseconds. */
  at: number;
  tokens: number;
}

export type RunNews =
  | { kind: "event"; event: RunEvent }
  | { kind: "words"; run: string; thread: string; text: string }
  | { kind: "end" };

/** However long a run goes on, no more than this is kept of it. */
const most = { log: 400, alerts: 100, usage: 400, words: 2_000, threads: 12 } as const;

const alerting: ReadonlySet<string> = new Set([
  "budget_warning",
  "budget_requested",
  "budget_refused",
  "budget_raised",
  "loop_detected",
  "blocked",
  "plan_refused",
  "replanned",
  "paused",
  "bypass",
  "tools_unavailable",
]);

const newAgent = (id: string): AgentState => ({ id, agent: "agent", status: "received", tokens: 0, plan: new Map() });

/** A run of which nothing has been heard yet. */
export function openRunState(viewId: string): RunState {
  return {
    viewId,
    agents: new Map([[viewId, newAgent(viewId)]]),
    speaking: new Map(),
    log: [],
    alerts: [],
    usage: [],
    heard: 0,
    position: 0,
    ended: false,
  };
}

/** One batch of news being taken in: what is changed is copied once for all of it. */
interface Draft {
  viewId: string;
  agents: Map<string, AgentState>;
  speaking: Map<string, Speech>;
  log: LogLine[];
  alerts: LogLine[];
  usage: UsagePoint[];
  heard: number;
  position: number;
  ended: boolean;
}

/** What is known after some news, in the order they came. An event that was heard before changes nothing. Pure. */
export function runStateAfter(state: RunState, news: readonly RunNews[]): RunState {
  const draft: Draft = {
    ...state,
    agents: new Map(state.agents),
    speaking: new Map(state.speaking),
    log: [...state.log],
    alerts: [...state.alerts],
    usage: [...state.usage],
  };
  for (const one of news) {
    if (one.kind === "words") speak(draft, one);
    else if (one.kind === "end") draft.ended = true;
    else if (one.event.position > draft.position) happen(draft, one.event);
  }
  return {
    ...draft,
    speaking: draft.ended ? new Map() : draft.speaking,
    log: draft.log.slice(-most.log),
    alerts: draft.alerts.slice(-most.alerts),
    usage: thinned(draft.usage),
  };
}

/** Every second point goes when there are too many; the first and the last stay. */
function thinned(points: readonly UsagePoint[]): readonly UsagePoint[] {
  let kept = points;
  while (kept.length > most.usage) kept = kept.filter((_, index) => index % 2 === 0 || index === kept.length - 1);
  return kept;
}

function speak(draft: Draft, { run, thread, text }: Speech): void {
  const agent = draft.agents.get(run);
  if (agent === undefined || isOver(agent.status)) return;
  const key = `${run} ${thread}`;
  const said = draft.speaking.get(key);
  if (said === undefined && draft.speaking.size >= most.threads) return;
  draft.speaking.set(key, { run, thread, text: `${said?.text ?? ""}${text}`.slice(-most.words) });
}

/** Nobody is speaking any more for a step of a plan, or in the run's own conversation. */
function silence(draft: Draft, run: string, planStep: number | null | "all"): void {
  for (const [key, speech] of draft.speaking) {
    const number = /^step-(\d+)/.exec(speech.thread)?.[1];
    const of = number === undefined ? null : Number(number);
    if (speech.run === run && (planStep === "all" || planStep === of)) draft.speaking.delete(key);
  }
}

function happen(draft: Draft, event: RunEvent): void {
  draft.position = event.position;
  draft.heard += 1;
  const parent = textIn(event, "parent_run_id");
  if (event.type === "run_started" && !draft.agents.has(event.run_id) && draft.agents.has(parent))
    draft.agents.set(event.run_id, newAgent(event.run_id));
  const agent = draft.agents.get(event.run_id);
  // Of another branch of the tree.
  if (agent === undefined) return;
  draft.agents.set(agent.id, agentAfter(draft, agent, event));
  const line = lineOf(draft, event);
  draft.log.push(line);
  if (alerting.has(event.type)) draft.alerts.push(line);
  // What is kept is cut once a batch; a batch may be long.
  if (draft.log.length > 4 * most.log) draft.log.splice(0, draft.log.length - most.log);
}

function lineOf(draft: Draft, event: RunEvent): LogLine {
  return {
    position: event.position,
    at: event.at,
    run: event.run_id,
    agent: draft.agents.get(event.run_id)?.agent ?? "agent",
    type: event.type,
    planStep: numberIn(event, "plan_step"),
    ...remarkOn(event),
  };
}

function agentAfter(draft: Draft, agent: AgentState, event: RunEvent): AgentState {
  const planStep = numberIn(event, "plan_step") ?? planStepOf(textIn(event, "step_id"));
  const stepIs = (mark: StepMark, tokens = 0) => withStep(agent, planStep, mark, tokens);
  switch (event.type) {
    case "run_started":
      return { ...agent, agent: textIn(event, "agent") || agent.agent, status: "running" };
    case "model_answered": {
      silence(draft, agent.id, numberIn(event, "plan_step"));
      const tokens = numberIn(event, "tokens") ?? 0;
      draft.usage.push({ at: Date.parse(event.at), tokens: (draft.usage.at(-1)?.tokens ?? 0) + tokens });
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
      return { ...agent, status: "paused" };
    case "budget_raised":
    case "budget_refused":
    case "resumed":
    case "told_to_resume":
      return { ...agent, status: "running" };
    case "told_to_pause":
      return { ...agent, status: "paused" };
    case "subagent_started": {
      const id = textIn(event, "child_run_id");
      if (id !== "" && !draft.agents.has(id))
        draft.agents.set(id, { ...newAgent(id), agent: textIn(event, "agent") || "agent" });
      return agent;
    }
    case "run_completed":
    case "run_failed": {
      silence(draft, agent.id, "all");
      const status = textIn(event, "status") || "failed";
      return { ...agent, status, plan: closed(agent.plan, status) };
    }
    default:
      return agent;
  }
}

function withStep(agent: AgentState, number: number | null, mark: StepMark, tokens: number) {
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

/** The number of the planned step that a step's id names: `step-4/1.1` is of step 4. */
function planStepOf(stepId: string): number | null {
  const number = /^step-(\d+)/.exec(stepId)?.[1];
  return number === undefined ? null : Number(number);
}

/** Whether there is nothing more to come of a run. */
export function isOver(status: string): boolean {
  return !["received", "running", "waiting", "paused"].includes(status);
}
