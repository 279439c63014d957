import type { Clock } from "../../core/budget/time-alerts.ts";
import type { BudgetState } from "../../core/budget/tree.ts";
import type { RunRef } from "../../core/ids.ts";
import type { BreakerState } from "../../core/loop/breaker.ts";
import type { Progress } from "../../core/plan/schedule.ts";
import type { OpenedRun, PlannedStep, Say } from "../../core/runs/facts.ts";

export type OpenRun = Extract<OpenedRun, { kind: "open" }>;

/** What a run carries from one execution to the next: plain data, no words. */
export interface RunState {
  opened: OpenRun;
  budget: BudgetState;
  /** How many tool calls have run, in all threads. */
  toolCalls: number;
  stepNum: number;
  /** What subagents have spent: theirs in the records, this run's in the budget. */
  below: { tokens: number; costMicros: number; calls: number };
  threads: Record<string, ThreadState>;
  progress: Progress | null;
  /** The plan as it stands: a new one may have taken the place of its rest. */
  steps: PlannedStep[];
  replans: number;
  /** Of what people have told the run, how far it has been taken in. */
  heard?: number;
  /** How often people have allowed it more budget. */
  raises?: number;
  /** Of a run with a limit on time of its own. */
  clock?: Clock;
}

/** One conversation: the main one of a run, or that of a planned step. */
export interface ThreadState {
  /** Changes when the context is reset. */
  name: string;
  turns: number;
  /** Upper bound of the next prompt, tokens. */
  promptTokens: number;
  say: Say[];
  breaker: BreakerState;
  resets: number;
  repairs: number;
}

export interface Run {
  ref: RunRef;
  state: RunState;
  /** Changes whenever somebody says "look again". */
  signals: () => number;
  /** Waits while people have paused the run. */
  unpaused: () => Promise<void>;
  /** Pauses until a person resumes it, or cancels. */
  pauseForPerson: (id: string, reason: string) => Promise<void>;
  /** People are being asked for a larger budget: everything that needs it waits for the same answer. */
  raising?: Promise<void>;
  /** What the Temporal UI shows. */
  say: (phase: string, detail: string) => void;
}
