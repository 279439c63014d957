/**
 * What is known of a run when it is over, as the API tells it: nothing here comes from a mind's script. Only fields that
 * are looked at are named; `GET /runs/:id/export` has more.
 */
export interface Evidence {
  /** The run that was asked for first, its subagents after it, parents before children. */
  runs: ExportedRun[];
  /** The files of the workspace at the end, against how it began. */
  files: RunFile[];
  /** Null: nobody gave a token that may read the trail. */
  audit: AuditEntry[] | null;
}

export interface ExportedRun {
  id: string;
  parent_run_id: string | null;
  root_run_id: string;
  trace_id: string;
  agent: string;
  role: string;
  model: string;
  requester_id: string;
  status: "received" | "running" | "waiting" | "paused" | "completed" | "failed" | "stopped" | "cancelled";
  reason: { rule: string; reason: string } | null;
  input: Record<string, unknown>;
  output: Record<string, unknown> | null;
  plan: { steps: PlannedStep[] } | null;
  budget: { tokens?: number; cost_usd?: number; calls?: number; wall_seconds?: number };
  /** Subagents included. */
  used: Amounts;
  started_at: string | null;
  completed_at: string | null;
  definition: { name: string; version: number; document: { output_schema: Record<string, unknown> } };
  transcript: { thread: string; position: number; origin: string; role: "user" | "assistant"; content: unknown[] }[];
  steps: Step[];
  permission_requests: PermissionRequest[];
  events: RunEvent[];
}

interface Amounts {
  tokens: number;
  cost_micros: number;
  calls: number;
}

export interface PlannedStep {
  step: number;
  description: string;
  tool: string;
  args: Record<string, unknown>;
  expect?: { exit_code?: number; contains?: string; not_contains?: string };
  depends_on: number[];
}

export interface Step {
  step_id: string;
  step_num: number;
  step_type: "model_call" | "tool_call";
  thread: string;
  plan_step: number | null;
  tool_name: string | null;
  args: Record<string, unknown> | null;
  result: string | null;
  is_error: boolean | null;
  decision: { verdict?: string; via?: string; rule?: string; reason?: string } | null;
  child_run_id: string | null;
  tokens: number;
  /** A bigint of the database: text. */
  cost_micros: string;
  status: "proposed" | "waiting" | "running" | "success" | "failed" | "timeout" | "refused" | "unknown";
  error_msg: string | null;
  created_at: string;
  completed_at: string | null;
}

interface PermissionRequest {
  request_id: string;
  step_id: string;
  tool_name: string;
  reason: string;
  decision: "pending" | "approved" | "denied" | "expired" | "cancelled";
  decision_reason: string | null;
  decided_at: string | null;
}

export interface RunEvent {
  /** Of the whole tree; text in an export. */
  position: number | string;
  type: string;
  payload: Record<string, unknown>;
}

export interface RunFile {
  path: string;
  change: "added" | "changed" | "removed" | "same";
  /** Of what was added or changed. */
  content: string | null;
}

export interface AuditEntry {
  position: number;
  sub: string | null;
  act: string | null;
  operation: string;
  target: string | null;
  outcome: string;
  rule: string | null;
  approval_id: string | null;
  body: { id: string };
}

/** The run that was asked for. */
export function rootOf({ runs }: Pick<Evidence, "runs">): ExportedRun {
  const root = runs.find(({ parent_run_id: parent }) => parent === null);
  if (root === undefined) throw new Error("an export without the run that was asked for");
  return root;
}

/** Every tool call of the tree, run by run, in the order in which they were proposed. */
export function toolCalls({ runs }: Pick<Evidence, "runs">): (Step & { run: ExportedRun })[] {
  return runs.flatMap((run) =>
    run.steps.filter(({ step_type: type }) => type === "tool_call").map((step) => ({ ...step, run })),
  );
}

/** The events of the whole tree, in their order. */
export function eventsOf({ runs }: Pick<Evidence, "runs">): (RunEvent & { run: ExportedRun; at: number })[] {
  return runs
    .flatMap((run) => run.events.map((event) => ({ ...event, run, at: Number(event.position) })))
    .toSorted((one, other) => one.at - other.at);
}
