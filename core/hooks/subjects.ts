import type { BudgetAlert, BudgetUnit } from "../budget/tree.ts";
import type { Fault, Mode, Risk } from "../runs/terms.ts";
import type { HookPoint } from "./points.ts";

/** What rules may look at: facts about a run, gathered before they are asked. Serialisable, and without transcripts. */

export interface RunView {
  id: string;
  agent: string;
  role: string;
  /** The model bound when the run started. */
  model: string;
  mode: Mode;
  /** What may be done about a value that does not fit its schema. */
  schemaValidation: "strict" | "repair";
}

/** How far one limit is used up. Units without a limit are absent. */
export interface BudgetUse {
  unit: BudgetUnit;
  percent: number;
}

/** A value that was held against its schema. */
export interface CheckedValue {
  bytes: number;
  digest: string;
  /** What is still wrong, after a repair too. */
  faults: readonly Fault[];
  /** It fits only since it was repaired. */
  repaired: boolean;
}

export type Constraint =
  | { type: "read_only" }
  | { type: "max_steps"; value: number }
  | { type: "path_constraint"; paths: readonly string[] }
  | { type: "max_parallel"; value: number };

/** What a definition lets its agent use. */
export interface ToolGrant {
  /** Names, and `server__*` for all tools of a server. */
  tools: readonly string[];
  /** Agents it may start. */
  delegates: readonly string[];
  constraints: readonly Constraint[];
}

export interface ToolView {
  name: string;
  risk: Risk;
  readOnly: boolean;
  /** Of `delegate`: the agent to be started. */
  delegateTo: string | null;
}

export type LeaseView = { ok: true } | { ok: false; reason: string };

export interface LoopView {
  level: "none" | "warn" | "replan" | "pause" | "stop";
  reason: string;
}

interface Common {
  run: RunView;
  budget: readonly BudgetUse[];
}

/** Content is there only where the rules run beside the transcript; a rule that wants it elsewhere fails, aloud. */
export interface TaskSubject extends Common {
  input: CheckedValue;
  lease: LeaseView;
  content?: unknown;
}

export interface PlanSubject extends Common {
  /** The model whose answer the plan is. */
  answeredBy: string;
  plan: { steps: number; tools: readonly string[]; faults: readonly Fault[] };
  grant: ToolGrant;
}

export interface ToolSubject extends Common {
  answeredBy: string;
  tool: ToolView;
  arguments: CheckedValue;
  /** Digest of what an elevation is scoped to. */
  contextHash: string;
  /** Files it names, normalised, relative to the workspace. */
  paths: readonly string[];
  grant: ToolGrant;
  /** Tool calls that have run already. */
  callsMade: number;
  /** Null: the tool needs none. */
  lease: LeaseView | null;
  content?: unknown;
}

export interface ResultSubject extends Common {
  tool: ToolView;
  result: CheckedValue & { error: boolean };
  /** Alerts that have become due; each does once. */
  alerts: readonly BudgetAlert[];
  loop: LoopView;
}

export interface OutputSubject extends Common {
  answeredBy: string;
  output: CheckedValue;
  /** Null: nobody has looked whether it hangs together. */
  coherence: { faults: readonly string[]; strictness: "repair" | "reject" } | null;
  content?: unknown;
}

export interface EndSubject extends Common {
  end: { status: string; rule: string; reason: string; calls: number };
}

interface SubjectByPoint {
  on_task_received: TaskSubject;
  on_plan: PlanSubject;
  before_tool: ToolSubject;
  after_tool: ResultSubject;
  before_finalize: OutputSubject;
  on_terminate: EndSubject;
}

export type SubjectOf<P extends HookPoint> = SubjectByPoint[P];
