import type { HookPoint } from "../hooks/points.ts";
import type { BudgetUse, CheckedValue, ToolGrant } from "../hooks/subjects.ts";
import type { RunRef } from "../ids.ts";
import type { Observation } from "../loop/observation.ts";
import type { Progress } from "../plan/schedule.ts";
import type { Fault, Mode, Risk } from "./terms.ts";

/**
 * What activities tell the `agentRun` workflow: facts and references, never words of people or models. The rules in the
 * workflow decide on them; transcripts, arguments and results stay in PostgreSQL.
 */

/** Dearest rates of the bound model, USD millionths per million tokens: for reservations that can never be too low. */
interface WorstRates {
  input: number;
  output: number;
}

/** Limits of a run; what is absent is not limited. `deadline` is epoch milliseconds. */
export interface RunCaps {
  tokens?: number;
  costMicros?: number;
  calls?: number;
  deadline?: number;
}

export type OpenedRun =
  /** It has ended already, or must not begin: nothing to do but to close it. */
  | { kind: "closed"; status: EndStatus; rule: string; reason: string }
  | {
      kind: "open";
      agent: string;
      role: string;
      model: string;
      ou: string;
      label: string;
      caps: RunCaps;
      /** At its cap it asks people for more, instead of ending. Only the root of a tree does. */
      mayAskForBudget?: boolean;
      rates: WorstRates;
      maxSteps: number;
      maxParallel: number;
      maxOutputTokens: number;
      /** How many equal calls in a row the loop breaker bears. */
      loopLimit: number;
      mode: Mode;
      repair: boolean;
      hooksEnabled: HookPoint[];
      grant: ToolGrant;
      input: CheckedValue;
      /** What the definition's own rules say of the input. */
      own: OwnVerdict;
      /** Steps of the plan to execute, without their arguments. Null: one conversation. */
      plan: PlannedStep[] | null;
      /** Whether somebody of this tree can plan anew. */
      canReplan: boolean;
      /** Upper bound of the first prompt, tokens. */
      promptTokens: number;
    };

export interface PlannedStep {
  step: number;
  tool: string;
  dependsOn: number[];
}

/** What a definition's own rules and webhooks say, asked beside the transcript. */
export interface OwnVerdict {
  kind: "pass" | "refuse" | "abort";
  /** The one that decided; empty when all let it pass. */
  rule: string;
  reason: string;
}

/** One call of a model by one thread of a run. */
export interface ModelCall extends RunRef {
  thread: string;
  stepId: string;
  stepNum: number;
  planStep: number | null;
  /** What has been reserved for it, tokens of prompt and answer. */
  reservedTokens: number;
  maxOutputTokens: number;
  /** Something to say first, by name; the words are made where they are stored. */
  say: Say[];
  /** Give the final answer now. */
  finalOnly: boolean;
  /** For rules that look at it. */
  budget: BudgetUse[];
}

/** What the runtime says to a model of its own accord. */
export type Say =
  | { kind: "loop_warning"; pattern: string; tool: string; times: number }
  | { kind: "replan"; pattern: string; tool: string; from: string }
  | { kind: "invalid_output"; faults: Fault[] }
  | { kind: "refused_output"; reason: string }
  | { kind: "invalid_plan"; faults: Fault[] }
  | { kind: "unexpected_result"; fault: string }
  | { kind: "budget_low"; unit: string; percent: number };

export type ModelAnswer =
  | {
      kind: "answered";
      stop: string;
      model: string;
      tokens: number;
      costMicros: number;
      /** Exact size of this prompt and answer: what the next prompt holds at least. */
      contextTokens: number;
      tools: ProposedCall[];
      final: FinalFacts | null;
    }
  /** The request was sent, and no definite answer came. It may have been billed in full. */
  | { kind: "unknown"; message: string }
  /** The prompt is larger than what was reserved. Nothing was sent. */
  | { kind: "too_small"; neededTokens: number }
  | { kind: "refused"; rule: string; message: string };

export interface FinalFacts {
  /** Without faults it is stored and valid. */
  output: CheckedValue;
  coherence: { faults: string[]; strictness: "repair" | "reject" } | null;
  own: OwnVerdict;
  /** Of a planner: the plan's steps; null when the output is none. */
  plan: PlannedStep[] | null;
  /** A plan was wanted. */
  isPlan: boolean;
  /** The output says itself that it has failed or refused. */
  gaveUp: boolean;
}

/** A tool call that a model asked for, with the evidence to decide on it. */
export interface ProposedCall {
  stepId: string;
  tool: string;
  known: boolean;
  readOnly: boolean;
  risk: Risk;
  /** Null: no tool that acts, a subagent is to be started. */
  delegateTo: string | null;
  arguments: CheckedValue;
  /** Where the files it names are, by the definition's constraint: within its first path, or outside. Never their names. */
  paths: string[];
  contextHash: string;
  own: OwnVerdict;
  rights: { allowed: boolean; rule: string; reason: string };
  mode: { mode: Mode; expiresAt: number | null };
  lease:
    | { ok: true }
    | { ok: false; reason: "revoked" | "expired" | "exhausted" | "other_run" | "other_tool"; message: string }
    | null;
  elevation: { id: string; expiresAt: number } | null;
  /** Takes moments and may be repeated: it runs inside the workflow task (ADR 14). */
  short?: boolean;
}

/** Why a tool call may run. */
interface RunVerdict {
  via: "read" | "elevation" | "approval" | "bypass";
  rule: string;
  reason: string;
  elevationId?: string;
  approvalId?: string;
}

export interface ToolOrder extends RunRef {
  thread: string;
  stepId: string;
  verdict: RunVerdict | { refused: true; rule: string; reason: string };
  /** The planned step this carries out, when it is the planned call. */
  planStep: number | null;
  /** For rules that look at it. */
  budget: BudgetUse[];
}

export type ToolOutcome =
  | {
      kind: "done";
      error: boolean;
      result: CheckedValue;
      own: OwnVerdict;
      /** What the loop breaker looks at; null: it does not look at this one. */
      observation: Observation | null;
      /** Of a planned step: it was the planned call, with the planned arguments. */
      asPlanned: boolean;
      /** Of a planned step: what was expected and did not come. */
      unexpected: string | null;
      /** Upper bound of what it adds to the next prompt, tokens. */
      promptTokens: number;
    }
  | { kind: "refused"; rule: string; reason: string; promptTokens: number }
  /** Rights, lease, mode or elevation do not hold any more: decide anew. */
  | { kind: "changed"; call: ProposedCall }
  | { kind: "delegated"; childRunId: string; label: string; caps: RunCaps };

export interface PermissionAsk extends RunRef {
  stepId: string;
  /** The how-manieth time this call is asked for. */
  round: number;
  rule: string;
  reason: string;
}

export interface PermissionState {
  requestId: string;
  status: "pending" | "approved" | "denied" | "expired" | "cancelled";
  /** Epoch milliseconds. */
  expiresAt: number;
}

export interface BudgetAsk extends RunRef {
  /** The how-manieth time it asks. */
  round: number;
  unit: "tokens" | "costMicros" | "calls" | "deadline";
  /** In the unit; for `deadline` epoch milliseconds. */
  needed: number;
  available: number;
  reason: string;
  /** What the run began with: so much more is asked for, or what is needed if that is more. */
  atStart: RunCaps;
}

export interface BudgetAnswer extends PermissionState {
  by: { tokens?: number; costMicros?: number; calls?: number };
  /** When the run has to end from now on, epoch milliseconds. */
  deadline?: number;
  /** Why, in the words of whoever decided. */
  reason: string;
}

export type EndStatus = "completed" | "failed" | "stopped" | "cancelled";

export interface RunEnd extends RunRef {
  status: EndStatus;
  rule: string;
  reason: string;
  /** What this run has spent by itself, without its subagents. */
  tokens: number;
  costMicros: number;
  calls: number;
  /** Of a plan that was carried out: how each step ended. Its output is made of it. */
  steps?: Record<number, string>;
}

/** What a run's end means for whoever started it; subagents included. */
export interface RunResult {
  status: EndStatus;
  tokens: number;
  costMicros: number;
  calls: number;
}

/** An event that a rule in the workflow has found: recorded once, by its id. */
export interface RunNote extends RunRef {
  id: string;
  type:
    | "plan_validated"
    | "plan_refused"
    | "budget_warning"
    | "loop_detected"
    | "replanned"
    | "paused"
    | "resumed"
    | "output_repaired"
    | "hook";
  payload: Record<string, string | number | boolean | null>;
}

export interface TakenCommands {
  paused: boolean | null;
  cancelled: boolean;
  said: number;
  /** Number of the last one. */
  heard?: number;
}

/** A step went in circles: the rest is to be planned anew. */
export interface ReplanOrder extends RunRef {
  /** The how-manieth time. */
  round: number;
  step: number;
  pattern: string;
}

/** A new plan takes the place of what has not been begun. */
export interface AdoptOrder extends RunRef {
  plannerRunId: string;
  steps: PlannedStep[];
  progress: Progress;
}

export type Adopted = { kind: "adopted"; steps: PlannedStep[]; progress: Progress } | { kind: "none"; reason: string };
