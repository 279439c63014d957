import type { z } from "zod";
import type { mcpServerView } from "../../contracts/views.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";

export interface McpServerRow {
  id: string;
  name: string;
  display_name: string;
  description: string;
  url: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  deployment: "external" | "shared";
  health: "unknown" | "healthy" | "unhealthy";
  created_at: Date;
}

export const mcpServerSelect = `select m.id, m.name, m.display_name, m.description, m.url, m.ou_id, o.path as ou_path,
  o.ancestors as ou_ancestors, m.deployment, m.health, m.created_at
  from mcp_servers m join ous o on o.organisation_id = m.organisation_id and o.id = m.ou_id`;

/** A registration that is in force, by id. */
export function findMcpServer(sql: Sql, id: string): Promise<McpServerRow | undefined> {
  return isUuid(id)
    ? sql.maybe<McpServerRow>(`${mcpServerSelect} where m.id = $1 and m.removed_at is null`, [id])
    : Promise.resolve(undefined);
}

export function mcpServerToView(row: McpServerRow): z.infer<typeof mcpServerView> {
  return {
    id: row.id,
    name: row.name,
    display_name: row.display_name,
    description: row.description,
    url: row.url,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    deployment: row.deployment,
    health: row.health,
    created_at: row.created_at.toISOString(),
  };
}
