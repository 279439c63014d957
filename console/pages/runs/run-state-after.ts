import { agentAfter, planStepOf } from "./agent-after.ts";
import { numberIn, type RunEvent, textIn } from "./payload.ts";
import { remarkOn } from "./remarks.ts";
import {
  type AgentState,
  isOver,
  type LogLine,
  newAgent,
  type RunNews,
  type RunState,
  type Speech,
  type UsagePoint,
} from "./run-state.ts";
import { thinned } from "./usage-points.ts";

/** However long a run goes on, no more than this is kept of it. */
const most = { log: 400, alerts: 100, words: 2_000, threads: 12 } as const;

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

/** One batch of news being taken in: what is changed is copied once for all of it. */
interface Draft extends RunState {
  agents: Map<string, AgentState>;
  speaking: Map<string, Speech>;
  log: LogLine[];
  alerts: LogLine[];
  usage: UsagePoint[];
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
    ...thinned(draft),
  };
}

function speak(draft: Draft, { run, thread, text }: Speech): void {
  const agent = draft.agents.get(run);
  if (agent === undefined || isOver(agent.status)) return;
  const key = `${run} ${thread}`;
  const said = draft.speaking.get(key);
  if (said === undefined && draft.speaking.size >= most.threads) return;
  draft.speaking.set(key, { run, thread, text: `${said?.text ?? ""}${text}`.slice(-most.words) });
}

/** Nobody is speaking any more for a step of a plan, or in the run's own conversation (null). */
function silence(draft: Draft, run: string, planStep: number | null | "all"): void {
  for (const [key, speech] of draft.speaking)
    if (speech.run === run && (planStep === "all" || planStep === planStepOf(speech.thread)))
      draft.speaking.delete(key);
}

function happen(draft: Draft, event: RunEvent): void {
  draft.position = event.position;
  draft.heard += 1;
  if (event.type === "run_started" && draft.agents.has(textIn(event, "parent_run_id"))) meet(draft, event.run_id);
  const agent = draft.agents.get(event.run_id);
  // Of another branch of the tree.
  if (agent === undefined) return;
  draft.agents.set(agent.id, agentAfter(agent, event));
  if (event.type === "subagent_started") meet(draft, textIn(event, "child_run_id"), textIn(event, "agent"));
  if (event.type === "model_answered") {
    silence(draft, agent.id, numberIn(event, "plan_step"));
    const before = draft.usage.at(-1)?.tokens ?? 0;
    draft.usage.push({ at: Date.parse(event.at), tokens: before + (numberIn(event, "tokens") ?? 0) });
  }
  if (event.type === "run_completed" || event.type === "run_failed") silence(draft, agent.id, "all");
  const line = lineOf(draft, event);
  draft.log.push(line);
  if (alerting.has(event.type)) draft.alerts.push(line);
  // What is kept is cut once a batch; a batch may be long.
  if (draft.log.length > 4 * most.log) draft.log.splice(0, draft.log.length - most.log);
}

function meet(draft: Draft, id: string, agent = ""): void {
  if (id === "" || draft.agents.has(id)) return;
  draft.agents.set(id, agent === "" ? newAgent(id) : { ...newAgent(id), agent });
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
