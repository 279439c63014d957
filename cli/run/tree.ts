import type { z } from "zod";
import type { runDetailView, runView } from "../../contracts/runs.ts";
import type { RunEvent } from "./follow.ts";

/** What a run that is watched looks like so far: plain values, made of its events by `treeAfter`. */
export interface RunTree {
  rootId: string;
  budget: z.infer<typeof runView>["budget"];
  runs: Readonly<Record<string, RunNode>>;
  /** Thread → the last words of a model that is speaking there. */
  words: Readonly<Record<string, { run: string; thread: string; text: string }>>;
  /** Of the whole tree, as the API has it; events may be ahead of it. */
  used: Usage;
  /** Position of the last event. */
  position: number;
}

export interface Usage {
  tokens: number;
  costMicros: number;
  calls: number;
}

export type Mark =
  | "queued"
  | "running"
  | "waiting"
  | "paused"
  | "done"
  | "failed"
  | "refused"
  | "skipped"
  | "stopped"
  | "cancelled";

export interface RunNode {
  id: string;
  parentId: string | null;
  agent: string;
  model: string;
  task: string;
  mark: Mark;
  reason: string;
  /** Epoch milliseconds. */
  startedAt: number | null;
  endedAt: number | null;
  /** Without its subagents. */
  used: Usage;
  items: readonly Item[];
  /** Steps of a plan that it carries out, by number. */
  plan: Readonly<Record<number, PlanStep>>;
}

export interface PlanStep {
  mark: Mark;
  tokens: number;
}

export type Item = StepItem | ChildItem | NoteItem;

export interface StepItem {
  kind: "step";
  id: string;
  planStep: number | null;
  tool: string;
  mark: Mark;
  input: string;
  /** Why it was refused or waits; what went wrong. */
  detail: string;
  /** The request that people decide. */
  requestId: string | null;
  startedAt: number;
  durationMs: number | null;
  /** Of the model call that asked for it; counted at the first tool it asked for. */
  tokens: number;
}

interface ChildItem {
  kind: "run";
  planStep: number | null;
  stepId: string;
  runId: string;
}

interface NoteItem {
  kind: "note";
  planStep: null;
  event: RunEvent;
}

/** What is heard of a run. */
export type TreeInput =
  | { kind: "event"; event: RunEvent }
  | { kind: "words"; run: string; thread: string; text: string }
  /** The run itself, asked for. */
  | { kind: "run"; run: z.infer<typeof runDetailView> };

const nothing: Usage = { tokens: 0, costMicros: 0, calls: 0 };

/** The tree of a run nothing has happened in yet. */
export function openTree(run: z.infer<typeof runView>): RunTree {
  const root = { ...unknownRun(run.id), agent: run.agent, model: run.model, task: run.task };
  return { rootId: run.id, budget: run.budget, runs: { [run.id]: root }, words: {}, used: nothing, position: 0 };
}

/** A run of which only its id is known. */
export function unknownRun(id: string, parentId: string | null = null): RunNode {
  return {
    id,
    parentId,
    agent: "agent",
    model: "",
    task: "",
    mark: "queued",
    reason: "",
    startedAt: null,
    endedAt: null,
    used: nothing,
    items: [],
    plan: {},
  };
}

/** What a run and all below it have used, from their events. */
export function usedBelow(tree: RunTree, id: string): Usage {
  const node = tree.runs[id];
  if (node === undefined) return nothing;
  const children = Object.values(tree.runs).filter(({ parentId }) => parentId === id);
  return children.map((child) => usedBelow(tree, child.id)).reduce(added, node.used);
}

/** What the whole tree has used: of the API's figures and the events', the newer, which are the larger. */
export function usedInAll(tree: RunTree): Usage {
  const seen = usedBelow(tree, tree.rootId);
  return {
    tokens: Math.max(seen.tokens, tree.used.tokens),
    costMicros: Math.max(seen.costMicros, tree.used.costMicros),
    calls: Math.max(seen.calls, tree.used.calls),
  };
}

export function added(one: Usage, other: Usage): Usage {
  return {
    tokens: one.tokens + other.tokens,
    costMicros: one.costMicros + other.costMicros,
    calls: one.calls + other.calls,
  };
}

/** Whether there is nothing more to come of it. */
export function isOver(mark: Mark): boolean {
  return !["queued", "running", "waiting", "paused"].includes(mark);
}
