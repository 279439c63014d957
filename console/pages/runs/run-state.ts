import type { RunEvent } from "./payload.ts";
import type { Weight } from "./remarks.ts";

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
  /** Tokens used so far, by time; no two points closer than `usageEveryMs`, but for the last. */
  usage: readonly UsagePoint[];
  usageEveryMs: number;
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

export interface Speech {
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

export interface UsagePoint {
  /** Epoch milliseconds. */
  at: number;
  tokens: number;
}

export type RunNews =
  | { kind: "event"; event: RunEvent }
  | { kind: "words"; run: string; thread: string; text: string }
  | { kind: "end" };

/** A run of which only its id is known. */
export const newAgent = (id: string): AgentState => ({
  id,
  agent: "agent",
  status: "received",
  tokens: 0,
  plan: new Map(),
});

/** A run of which nothing has been heard yet. */
export function openRunState(viewId: string): RunState {
  return {
    viewId,
    agents: new Map([[viewId, newAgent(viewId)]]),
    speaking: new Map(),
    log: [],
    alerts: [],
    usage: [],
    usageEveryMs: 1,
    heard: 0,
    position: 0,
    ended: false,
  };
}

/** Whether there is nothing more to come of a run. */
export function isOver(status: string): boolean {
  return !["received", "running", "waiting", "paused"].includes(status);
}
