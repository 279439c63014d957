import type { EndStatus } from "../../core/runs/facts.ts";
import type { Sql, Tx } from "../database.ts";
import { storableJson } from "../storable.ts";
import { announceRun } from "./changes.ts";
import { isUuid } from "./ous.ts";
import type { Listed } from "./sights.ts";

type RunStatus = "received" | "running" | "waiting" | "paused" | EndStatus;

export interface RunRow {
  id: string;
  parent_run_id: string | null;
  root_run_id: string;
  trace_id: string;
  definition_id: string;
  definition_version: number;
  definition_digest: string;
  agent_id: string;
  role_id: string;
  model_id: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  requester_id: string;
  requester_email: string;
  /** Through whom it was asked for, and in which session; empty when the person asked directly. */
  act: string;
  sid: string;
  pinned: Record<string, string>;
  models: Record<string, string>;
  status: RunStatus;
  waiting_for: string | null;
  input: Record<string, unknown>;
  input_summary: string;
  output: Record<string, unknown> | null;
  output_summary: string | null;
  plan: Record<string, unknown> | null;
  error_msg: string | null;
  reason: { rule: string; reason: string } | null;
  budget: RunBudget;
  tokens_total: string;
  cost_micros_total: string;
  calls_total: number;
  body_digest: string;
  created_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
}

/** What a run may spend. Absent: not limited by the run itself. */
export interface RunBudget {
  tokens?: number;
  cost_micros?: number;
  calls?: number;
  wall_seconds?: number;
}

const runFrom = `from agent_runs r
  join agent_definitions d on d.organisation_id = r.organisation_id and d.id = r.definition_id
  join ous o on o.organisation_id = r.organisation_id and o.id = r.ou_id
  join users u on u.organisation_id = r.organisation_id and u.id = r.requester_id`;

export const runSelect = `select r.id, r.parent_run_id, r.root_run_id, r.trace_id, r.definition_id, d.version as definition_version,
  d.digest as definition_digest, r.agent_id, r.role_id, r.model_id, r.ou_id, o.path as ou_path, o.ancestors as ou_ancestors,
  r.requester_id, u.email as requester_email, r.act, r.sid, r.pinned, r.models, r.status, r.waiting_for, r.input, r.input_summary, r.output,
  r.output_summary, r.plan, r.error_msg, r.reason, r.budget, r.tokens_total, r.cost_micros_total, r.calls_total,
  r.body_digest, r.created_at, r.started_at, r.completed_at
  ${runFrom}`;

export const runList: Listed = { select: runSelect, from: runFrom, id: "r.id", ou: "r.ou_id" };

/**
 * A run by its id; `lock` holds it until the transaction ends. Not against foreign keys: whoever has written a row of the run
 * holds one, and two of them would wait for each other.
 */
export function findRun(sql: Sql, id: string, lock?: "lock"): Promise<RunRow | undefined> {
  if (!isUuid(id)) return Promise.resolve(undefined);
  return sql.maybe<RunRow>(`${runSelect} where r.id = $1${lock === undefined ? "" : " for no key update of r"}`, [id]);
}

/** The same, for a run that must exist. */
export async function requireRun(sql: Sql, id: string, lock?: "lock"): Promise<RunRow> {
  const run = await findRun(sql, id, lock);
  if (run === undefined) throw new Error(`no run ${id}`);
  return run;
}

export interface NewRun {
  id: string;
  parentRunId: string | null;
  rootRunId: string;
  traceId: string;
  /** W3C traceparent it came with. */
  traceparent?: string | null;
  definitionId: string;
  agentId: string;
  roleId: string;
  modelId: string;
  ouId: string;
  requesterId: string;
  act: string;
  sid: string;
  pinned: Record<string, string>;
  models: Record<string, string>;
  input: Record<string, unknown>;
  inputSummary: string;
  budget: RunBudget;
  idempotencyKey: string | null;
  bodyDigest: string;
}

/** @returns 0 when the idempotency key is taken: it belongs to the requester and whoever they asked through */
export function insertRun(tx: Tx, run: NewRun): Promise<number> {
  return tx.run(
    `insert into agent_runs (id, organisation_id, parent_run_id, root_run_id, trace_id, definition_id, agent_id, role_id,
       model_id, ou_id, requester_id, pinned, models, input, input_summary, budget, idempotency_key, body_digest, act, sid, traceparent)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
     on conflict (organisation_id, requester_id, act, sid, idempotency_key) do nothing`,
    [
      run.id,
      tx.organisationId,
      run.parentRunId,
      run.rootRunId,
      run.traceId,
      run.definitionId,
      run.agentId,
      run.roleId,
      run.modelId,
      run.ouId,
      run.requesterId,
      JSON.stringify(run.pinned),
      JSON.stringify(run.models),
      JSON.stringify(run.input),
      run.inputSummary,
      JSON.stringify(run.budget),
      run.idempotencyKey,
      run.bodyDigest,
      run.act,
      run.sid,
      run.traceparent ?? null,
    ],
  );
}

export interface NewRunEvent {
  /** Unique within the run: a repeated attempt records it once. */
  origin: string;
  type: string;
  payload: Record<string, unknown>;
}

/**
 * A run waits for people to decide a request. One that they have paused stays so. A run that has ended asks nobody: whoever
 * still works for it has been given up.
 */
export async function waitFor(tx: Tx, runId: string, requestId: string): Promise<void> {
  const waiting = await tx.run(
    `update agent_runs set status = case status when 'paused' then status else 'waiting' end, waiting_for = $2
      where id = $1 and completed_at is null`,
    [runId, requestId],
  );
  if (waiting === 0) throw new Error(`run ${runId} has ended`);
  announceRun(tx, runId);
}

/** A request has been decided: the run waits for the next that is open, or goes on; paused, it stays so. */
export async function stopWaitingFor(tx: Tx, runId: string, requestId: string): Promise<void> {
  const changed = await tx.run(
    `with still as (
       select id from approval_requests where run_id = $1 and id <> $2 and consumed_at is null order by created_at limit 1)
     update agent_runs set waiting_for = (select id from still),
       status = case when status = 'waiting' and not exists (select from still) then 'running' else status end
      where id = $1 and completed_at is null and status in ('running', 'waiting', 'paused')`,
    [runId, requestId],
  );
  if (changed > 0) announceRun(tx, runId);
}

/**
 * Appends events to the stream of a tree of runs, in order, each once. Takes the root's row: who reads behind a position has
 * seen everything before it. Sent without waiting; what comes after in the transaction comes after it.
 */
export function appendRunEvents(
  tx: Tx,
  run: { id: string; root_run_id: string },
  events: readonly NewRunEvent[],
): void {
  if (events.length === 0) return;
  tx.send(
    `with given as (
       select event, nth from jsonb_array_elements($4::jsonb) with ordinality as one (event, nth)),
     fresh as (
       select event, row_number() over (order by nth) - 1 as nth from given
        where not exists (select from run_events where run_id = $3 and origin = given.event ->> 'origin')),
     root as (
       update agent_runs set next_position = next_position + (select count(*) from fresh) where id = $2
        returning next_position - (select count(*) from fresh) as first)
     insert into run_events (organisation_id, root_run_id, position, run_id, origin, type, payload)
     select $1, $2, root.first + nth, $3, event ->> 'origin', event ->> 'type', event -> 'payload' from fresh, root
     on conflict (organisation_id, run_id, origin) do nothing`,
    [tx.organisationId, run.root_run_id, run.id, storableJson(events)],
  );
}

export interface RunEventRow {
  position: number;
  run_id: string;
  type: string;
  payload: Record<string, unknown>;
  at: Date;
}

/** Events of a tree of runs after a position, in order. */
export function readRunEvents(sql: Sql, rootRunId: string, after: number, limit: number): Promise<RunEventRow[]> {
  return sql.rows<RunEventRow>(
    `select position, run_id, type, payload, at from run_events
      where root_run_id = $1 and position > $2 order by position limit $3`,
    [rootRunId, after, limit],
  );
}

/**
 * The run that something is about, by what the audit trail calls it: a run itself (`run:<id>`), or what one has asked
 * people for (`request:<id>`).
 */
export async function runAbout(sql: Sql, target: string): Promise<{ id: string; trace_id: string } | undefined> {
  const [kind, id = ""] = target.split(":");
  if (kind === "request")
    return sql.maybe(
      `select id, trace_id from agent_runs
        where id = (select case when act like 'run:%' then substr(act, 5)::uuid end from approval_requests where id = $1)`,
      [id],
    );
  return kind === "run" && isUuid(id)
    ? sql.maybe("select id, trace_id from agent_runs where id = $1", [id])
    : undefined;
}

const lockRun = "select from agent_runs where id = $1 for no key update";

export interface StepRow {
  step_id: string;
  run_id: string;
  step_num: number;
  step_type: "model_call" | "tool_call";
  thread: string;
  plan_step: number | null;
  tool_name: string | null;
  tool_use_id: string | null;
  args: Record<string, unknown> | null;
  args_digest: string | null;
  input_summary: string | null;
  result: string | null;
  result_digest: string | null;
  output_summary: string | null;
  is_error: boolean | null;
  facts: unknown;
  decision: Record<string, unknown> | null;
  child_run_id: string | null;
  tokens: number;
  cost_micros: string;
  endpoint: string | null;
  duration_ms: number | null;
  status: "proposed" | "waiting" | "running" | "success" | "failed" | "timeout" | "refused" | "unknown";
  error_msg: string | null;
  created_at: Date;
  completed_at: Date | null;
}

/**
 * A step by the id the workflow gave it. It is held until the transaction ends, and its run before it: one order for all (run,
 * its steps, the root of its tree), because who ends a run takes its steps, and who ends a step tells the run. What is to be
 * read of the run as it is then is read behind this.
 */
export function findStep(tx: Tx, runId: string, stepId: string): Promise<StepRow | undefined> {
  tx.send(lockRun, [runId]);
  return tx.maybe<StepRow>("select * from agent_steps where run_id = $1 and step_id = $2 for update", [runId, stepId]);
}

/** The same, for how far it is and what was answered for it. */
export function lockStep(
  tx: Tx,
  runId: string,
  stepId: string,
): Promise<Pick<StepRow, "status" | "facts"> | undefined> {
  tx.send(lockRun, [runId]);
  return tx.maybe<Pick<StepRow, "status" | "facts">>(
    "select status, facts from agent_steps where run_id = $1 and step_id = $2 for update",
    [runId, stepId],
  );
}

/** Adds to a thread's transcript, once per origin. Sent without waiting. */
export function say(
  tx: Tx,
  runId: string,
  message: { thread: string; origin: string; role: "user" | "assistant"; content: unknown[] },
): void {
  const content = storableJson(message.content);
  tx.send(
    `insert into run_messages (organisation_id, run_id, thread, origin, role, content, bytes)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (organisation_id, run_id, thread, origin) do nothing`,
    [tx.organisationId, runId, message.thread, message.origin, message.role, content, Buffer.byteLength(content)],
  );
}

export interface MessageRow {
  position: string;
  role: "user" | "assistant";
  content: Record<string, unknown>[];
  /** A remark in place of what was said. */
  left_out: boolean;
}

/** Of what a thread holds, this much is sent in full; from twice as much on, old tool results are left out. */
const windowBytes = 400_000;

/**
 * A thread's transcript in order. Of a long one, results of tools before the window are replaced by a remark, so that
 * neither the prompt nor this process grows with the run. The window moves in leaps: between them the prompt's prefix
 * stays the same, and the provider's cache holds.
 */
export function readThread(sql: Sql, runId: string, thread: string): Promise<MessageRow[]> {
  return sql.rows<MessageRow>(
    `with sized as (
       select position, role, content, bytes, sum(bytes) over (order by position) as so_far, sum(bytes) over () as total
         from run_messages where run_id = $1 and thread = $2),
     marked as (
       select *, bytes > 2000 and content -> 0 ->> 'type' = 'tool_result' and so_far <= (floor(total / $3) - 1) * $3 as left_out
         from sized)
     select position, role, left_out, case when left_out
         then jsonb_build_array(jsonb_build_object('type', 'tool_result', 'tool_use_id', content -> 0 ->> 'tool_use_id', 'content',
                'Left out to save room: an earlier result of ' || bytes || ' bytes. Call the tool again if you need it.'))
         else content end as content
       from marked order by position`,
    [runId, thread, windowBytes],
  );
}

/** A run and all below it; parents come before their children. */
export function runTree(sql: Sql, runId: string): Promise<RunRow[]> {
  return sql.rows<RunRow>(
    `with recursive tree as (
       select id, 0 as depth from agent_runs where id = $1
       union all select c.id, depth + 1 from agent_runs c join tree t on c.parent_run_id = t.id)
     ${runSelect} join tree on tree.id = r.id order by tree.depth, r.id`,
    [runId],
  );
}

/** What runs have used together. */
export interface Used {
  tokens: number;
  costMicros: number;
  calls: number;
}

type UsedRow = Pick<RunRow, "id" | "parent_run_id" | "tokens_total" | "cost_micros_total" | "calls_total">;

/** What the subagents of a run have used, at any depth, for each run in these trees. */
export function usedBelow(trees: readonly UsedRow[]): (id: string) => Used {
  const children = Map.groupBy(trees, (row) => row.parent_run_id);
  const below = (id: string): Used => {
    const sum = { tokens: 0, costMicros: 0, calls: 0 };
    for (const child of children.get(id) ?? []) {
      const further = below(child.id);
      sum.tokens += Number(child.tokens_total) + further.tokens;
      sum.costMicros += Number(child.cost_micros_total) + further.costMicros;
      sum.calls += child.calls_total + further.calls;
    }
    return sum;
  };
  return below;
}

/** The same for runs of any trees, read at once: subagents that the reader of a run may not see have used what is its own. */
export async function readUsedBelow(
  sql: Sql,
  runs: readonly Pick<RunRow, "root_run_id">[],
): Promise<(id: string) => Used> {
  if (runs.length === 0) return usedBelow([]);
  const rows = await sql.rows<UsedRow>(
    `select id, parent_run_id, tokens_total, cost_micros_total, calls_total from agent_runs
      where root_run_id = any ($1::uuid[]) and parent_run_id is not null`,
    [[...new Set(runs.map((run) => run.root_run_id))]],
  );
  return usedBelow(rows);
}
