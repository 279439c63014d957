import type { Evidence } from "./evidence.ts";
import type { Mind } from "./minds.ts";

export const kinds = ["planning", "execution", "review", "routing", "refusal", "loops", "budget", "injection"] as const;
export const roles = ["orchestrator", "planner", "executor", "reviewer"] as const;

type Kind = (typeof kinds)[number];
type Role = (typeof roles)[number];

/** What a grader says: a decision with its reason. */
export type Grade = { status: "passed" } | { status: "rejected"; reason: string };

/** Judges what a run has done by the evidence alone. */
export interface Grader {
  name: string;
  grade: (evidence: Evidence) => Grade;
  /** Asks for something that only a mind made for it does, such as going in circles: not asked of real models. */
  scriptedOnly?: true;
}

/** What the second person is asked to decide. */
export interface Ask {
  tool: string;
  args: Record<string, unknown>;
}

/** A mind that does the task wrong, and the grader that must notice. */
export interface Broken {
  name: string;
  mind: Mind;
  rejectedBy: string;
}

export interface Task {
  id: string;
  kind: Kind;
  /** Whose work is judged. */
  role: Role;
  /** What it shows, in one sentence. */
  checks: string;
  /** What `POST /runs` is given. */
  run: {
    task: string;
    agent?: string;
    input?: Record<string, unknown>;
    budget?: { tokens?: number; cost_usd?: number; calls?: number; wall_seconds?: number };
    files?: { path: string; content: string }[];
  };
  /** Commands are run on the way: without a sandbox it cannot be done. */
  runsCommands?: true;
  /** What the second person answers when the run asks. Default: yes to everything. */
  decides?: (ask: Ask) => "approve" | "deny";
  /** What the person does when a loop has the run pause. Default: resume it. */
  whenPaused?: "resume" | "cancel";
  /** Does the task as it should be done. */
  mind: Mind;
  graders: Grader[];
  broken: Broken[];
}

const passed: Grade = { status: "passed" };

/** Rejects for the first of these reasons, passes when there is none. */
export function rejectFor(reasons: readonly string[]): Grade {
  return reasons.length === 0 ? passed : { status: "rejected", reason: reasons.slice(0, 5).join("; ") };
}
