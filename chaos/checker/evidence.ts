import type { Pool } from "pg";
import type { LogRecord } from "./record.ts";

/** Everything the checker looks at: what clients know, what the database holds, what the provider holds. */
export interface Evidence {
  log: LogRecord[];
  organisationId: string;
  now: Date;
  operations: OperationRow[];
  requests: RequestRow[];
  votes: VoteRow[];
  audit: AuditRow[];
  head: { position: string; hash: string } | undefined;
  agents: AgentRow[];
  bindings: { id: string }[];
  ous: { id: string; path: string }[];
  users: { id: string; email: string }[];
  policies: { name: string }[];
  groups: { id: string }[];
  sessions: SessionRow[];
  unsentCommands: { id: string; session_id: string }[];
  runs: RunRow[];
  openSteps: { run_id: string; step_id: string; status: string }[];
  budgets: BudgetRow[];
  /** Sessions and trees of runs whose events have holes: positions begin at 1 and leave none out. */
  gaps: { id: string; events: number; last: number }[];
  /** `told`: all that was said to each session. Nobody says the same twice. */
  provider: { agents: Tagged[]; sessions: Tagged[]; vaults: Tagged[]; told: { tag: string; words: string }[] };
  /** What MCP servers were really asked to do, one entry a call. */
  toolCalls: string[];
}

export interface OperationRow {
  id: string;
  name: string;
  email: string;
  act: string;
  sid: string;
  key: string | null;
  status: string;
  input: Record<string, unknown>;
  target_id: string | null;
  created_at: Date;
  expires_at: Date;
}
interface RequestRow {
  id: string;
  kind: string;
  requester: string;
  ou: string;
  status: string;
  expires_at: Date;
  consumed_at: Date | null;
}
interface VoteRow {
  request_id: string;
  email: string;
  decision: string;
  at: Date;
}
interface AuditRow {
  position: string;
  at_text: string;
  body: string;
  previous: string;
  hash: string;
}
interface AgentRow {
  id: string;
  name: string;
  description: string;
  ou: string;
  deleted_at: Date | null;
  archived_at: Date | null;
  sync_state: string;
  generation: number;
  synced_generation: number;
  cma_agent_id: string | null;
}
interface SessionRow {
  id: string;
  invoker: string;
  status: string;
  cleaned_at: Date | null;
  cma_session_id: string | null;
}
interface RunRow {
  id: string;
  root_run_id: string;
  requester: string;
  status: string;
  budget: { tokens: number; cost_micros?: number; calls?: number };
  tokens: string;
  cost_micros: string;
  calls: number;
}
interface BudgetRow {
  ou: string;
  tokens_limit: string | null;
  cost_micros_limit: string | null;
  tokens_used: string;
  cost_micros_used: string;
  tokens_held: string;
  cost_micros_held: string;
}
/** An object at the provider that carries an id of ours. */
export interface Tagged {
  id: string;
  tag: string;
  archived: boolean;
  description: string;
}

const questions = {
  operations: `select p.id, p.name, u.email, p.act, p.sid, p.idempotency_key as key, p.status, p.input, p.target_id, p.created_at, p.expires_at
    from operations p join users u on u.organisation_id = p.organisation_id and u.id = p.sub where p.organisation_id = $1 order by p.id`,
  requests: `select r.id, r.kind, u.email as requester, o.path as ou, r.status, r.expires_at, r.consumed_at
    from approval_requests r join users u on u.organisation_id = r.organisation_id and u.id = r.requester_id
    join ous o on o.organisation_id = r.organisation_id and o.id = r.ou_id where r.organisation_id = $1 order by r.id`,
  votes: `select v.request_id, u.email, v.decision, v.at from approval_votes v
    join users u on u.organisation_id = v.organisation_id and u.id = v.principal_id where v.organisation_id = $1`,
  audit: `select position, at_text, body, previous, hash from control_plane_audit where organisation_id = $1 order by position`,
  agents: `select a.id, a.name, a.description, o.path as ou, a.deleted_at, a.archived_at, a.sync_state, a.generation,
    a.synced_generation, a.cma_agent_id from agents a
    join ous o on o.organisation_id = a.organisation_id and o.id = a.ou_id where a.organisation_id = $1 order by a.id`,
  bindings: "select id from bindings where organisation_id = $1",
  ous: "select id, path from ous where organisation_id = $1",
  users: "select id, email from users where organisation_id = $1",
  policies: "select name from approval_policies where organisation_id = $1",
  groups: "select id from groups where organisation_id = $1",
  sessions: `select s.id, u.email as invoker, s.status, s.cleaned_at, s.cma_session_id from sessions s
    join users u on u.organisation_id = s.organisation_id and u.id = s.invoker_id where s.organisation_id = $1 order by s.id`,
  unsentCommands: "select id, session_id from session_commands where organisation_id = $1 and sent_at is null",
  runs: `select r.id, r.root_run_id, u.email as requester, r.status, r.budget, r.tokens_total as tokens,
    r.cost_micros_total as cost_micros, r.calls_total as calls from agent_runs r
    join users u on u.organisation_id = r.organisation_id and u.id = r.requester_id where r.organisation_id = $1 order by r.id`,
  openSteps: `select run_id, step_id, status from agent_steps
    where organisation_id = $1 and status in ('proposed', 'waiting', 'running')`,
  gaps: `select id, events, last from (
    select session_id as id, count(*)::int as events, max(position) as last from session_events where organisation_id = $1 group by 1
    union all
    select root_run_id, count(*)::int, max(position) from run_events where organisation_id = $1 group by 1) all_events
    where events <> last`,
  budgets: `select o.path as ou, b.tokens_limit, b.cost_micros_limit, b.tokens_used, b.cost_micros_used, b.tokens_held,
    b.cost_micros_held from ou_budgets b join ous o on o.organisation_id = b.organisation_id and o.id = b.ou_id
    where b.organisation_id = $1`,
} as const;

type Asked = { [Name in keyof typeof questions]: Evidence[Name] };

/** Reads the tables as they are: all in one snapshot, past everything the product would say of them. */
export async function readTables(
  database: Pool,
  organisationId: string,
): Promise<Asked & Pick<Evidence, "head" | "now">> {
  const client = await database.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    const found: Record<string, unknown[]> = {};
    for (const [name, text] of Object.entries(questions))
      found[name] = (await client.query(text, [organisationId])).rows;
    const head = await client.query<{ position: string; hash: string }>(
      "select position, hash from audit_heads where organisation_id = $1",
      [organisationId],
    );
    const now = await client.query<{ now: Date }>("select clock_timestamp() as now");
    await client.query("commit");
    return { ...(found as unknown as Asked), head: head.rows[0], now: now.rows[0]?.now ?? new Date() };
  } finally {
    client.release();
  }
}
