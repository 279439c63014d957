import type { z } from "zod";
import type { elevationView, governanceModeView, ouBudgetView } from "../../contracts/governance.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";

export interface ModeRow {
  mode: z.infer<typeof governanceModeView>["mode"];
  expires_at: Date | null;
  reason: string;
  changed_by: string;
  changed_by_email: string;
  changed_at: Date;
  version: number;
}

/** The mode somebody has set for the organisation, or undefined; `lock` holds it until the transaction ends. */
export function findMode(sql: Sql, lock?: "lock"): Promise<ModeRow | undefined> {
  return sql.maybe<ModeRow>(
    `select m.mode, m.expires_at, m.reason, m.changed_by, u.email as changed_by_email, m.changed_at, m.version
       from governance_modes m join users u on u.organisation_id = m.organisation_id and u.id = m.changed_by
     ${lock === undefined ? "" : "for update of m"}`,
  );
}

/** Nobody has set a mode: PERMISSION. A BYPASS whose time is over is PERMISSION too. */
export function modeToView(row: ModeRow | undefined, now: Date): z.infer<typeof governanceModeView> {
  if (row === undefined)
    return {
      mode: "PERMISSION",
      expires_at: null,
      reason: null,
      changed_by: null,
      changed_by_email: null,
      changed_at: null,
      version: 0,
    };
  const over = row.mode === "BYPASS" && row.expires_at !== null && now >= row.expires_at;
  return {
    mode: over ? "PERMISSION" : row.mode,
    expires_at: row.expires_at?.toISOString() ?? null,
    reason: row.reason,
    changed_by: row.changed_by,
    changed_by_email: row.changed_by_email,
    changed_at: row.changed_at.toISOString(),
    version: row.version,
  };
}

export interface OuBudgetRow {
  /** Of the OU. */
  id: string;
  ou_path: string;
  tokens_limit: string | null;
  tokens_used: string;
  tokens_held: string;
  cost_micros_limit: string | null;
  cost_micros_used: string;
  cost_micros_held: string;
  version: number;
}

export const ouBudgetSelect = `select b.ou_id as id, o.path as ou_path, b.tokens_limit, b.tokens_used, b.tokens_held,
  b.cost_micros_limit, b.cost_micros_used, b.cost_micros_held, b.version
  from ou_budgets b join ous o on o.organisation_id = b.organisation_id and o.id = b.ou_id`;

/** The budget of one OU, when it has one; `lock` holds it until the transaction ends. */
export function findOuBudget(sql: Sql, ouId: string, lock?: "lock"): Promise<OuBudgetRow | undefined> {
  return sql.maybe<OuBudgetRow>(`${ouBudgetSelect} where b.ou_id = $1 ${lock === undefined ? "" : "for update of b"}`, [
    ouId,
  ]);
}

export function ouBudgetToView(row: OuBudgetRow): z.infer<typeof ouBudgetView> {
  const usd = (micros: number) => micros / 1_000_000;
  const left = (limit: string | null, used: string, held: string) =>
    limit === null ? null : Math.max(0, Number(limit) - Number(used) - Number(held));
  const costLeft = left(row.cost_micros_limit, row.cost_micros_used, row.cost_micros_held);
  return {
    ou_id: row.id,
    ou_path: row.ou_path,
    tokens_limit: row.tokens_limit === null ? null : Number(row.tokens_limit),
    tokens_used: Number(row.tokens_used),
    tokens_held: Number(row.tokens_held),
    tokens_left: left(row.tokens_limit, row.tokens_used, row.tokens_held),
    cost_usd_limit: row.cost_micros_limit === null ? null : usd(Number(row.cost_micros_limit)),
    cost_usd_used: usd(Number(row.cost_micros_used)),
    cost_usd_held: usd(Number(row.cost_micros_held)),
    cost_usd_left: costLeft === null ? null : usd(costLeft),
    version: row.version,
  };
}

export interface ElevationRow {
  id: string;
  root_run_id: string;
  agent_id: string;
  tool_name: string;
  context: unknown;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  requester_id: string;
  requester_email: string;
  approval_id: string;
  granted_at: Date;
  expires_at: Date;
}

export const elevationSelect = `select e.id, e.root_run_id, e.agent_id, e.tool_name, e.context, r.ou_id, o.path as ou_path,
  o.ancestors as ou_ancestors, r.requester_id, u.email as requester_email, e.approval_id, e.granted_at, e.expires_at
  from elevations e
  join agent_runs r on r.organisation_id = e.organisation_id and r.id = e.root_run_id
  join ous o on o.organisation_id = r.organisation_id and o.id = r.ou_id
  join users u on u.organisation_id = r.organisation_id and u.id = r.requester_id`;

/** An elevation in force, by id. */
export function findElevation(sql: Sql, id: string, now: Date): Promise<ElevationRow | undefined> {
  if (!isUuid(id)) return Promise.resolve(undefined);
  return sql.maybe<ElevationRow>(`${elevationSelect} where e.id = $1 and e.revoked_at is null and e.expires_at > $2`, [
    id,
    now,
  ]);
}

export function elevationToView(row: ElevationRow): z.infer<typeof elevationView> {
  return {
    id: row.id,
    root_run_id: row.root_run_id,
    agent: row.agent_id,
    tool: row.tool_name,
    context: row.context,
    ou_path: row.ou_path,
    requester_id: row.requester_id,
    requester_email: row.requester_email,
    approval_id: row.approval_id,
    granted_at: row.granted_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}
