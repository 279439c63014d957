import type { z } from "zod";
import type { policyView } from "../../contracts/views.ts";
import type { PolicyRule } from "../../core/approval/policies.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";

export interface PolicyRow {
  id: string;
  name: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  operations: string[];
  approver_role: string;
  approvals_needed: number;
  expires_after_seconds: number;
  enabled: boolean;
  version: number;
  created_at: Date;
  updated_at: Date;
}

export const policySelect = `select p.id, p.name, p.ou_id, o.path as ou_path, o.ancestors as ou_ancestors, p.operations,
  p.approver_role, p.approvals_needed, p.expires_after_seconds, p.enabled, p.version, p.created_at, p.updated_at
  from approval_policies p join ous o on o.organisation_id = p.organisation_id and o.id = p.ou_id`;

/** An approval policy by id. */
export function findPolicy(sql: Sql, id: string): Promise<PolicyRow | undefined> {
  return isUuid(id) ? sql.maybe<PolicyRow>(`${policySelect} where p.id = $1`, [id]) : Promise.resolve(undefined);
}

/** The enabled policies at an OU and above it, as matching wants them. */
export async function policiesCovering(sql: Sql, ancestors: readonly string[]): Promise<PolicyRule[]> {
  const rows = await sql.rows<PolicyRow>(`${policySelect} where p.enabled and p.ou_id = any ($1::uuid[])`, [ancestors]);
  return rows.map((row) => ({
    id: row.id,
    version: row.version,
    name: row.name,
    ouId: row.ou_id,
    operations: row.operations,
    approverRole: row.approver_role,
    approvalsNeeded: row.approvals_needed,
    expiresAfterSeconds: row.expires_after_seconds,
    enabled: row.enabled,
  }));
}

export function policyToView(row: PolicyRow): z.infer<typeof policyView> {
  return {
    id: row.id,
    name: row.name,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    operations: row.operations,
    approver_role: row.approver_role,
    approvals_needed: row.approvals_needed,
    expires_after_seconds: row.expires_after_seconds,
    enabled: row.enabled,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}
