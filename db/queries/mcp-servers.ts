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

/** A registration, as a run may use it: at its OU or above. */
export interface OfferedServer {
  id: string;
  name: string;
  url: string;
  ou_path: string;
  deployment: "external" | "shared";
  /** Whether the person may read it: what an OU offers, those below it may use, and so they may read it. */
  readable: boolean;
}

/**
 * Registrations in force at an OU and above it, by name or by id, the nearest first.
 * @param roots ids of the OUs from which downwards the person holds `mcp_server:read`
 */
export function findOfferedServers(
  sql: Sql,
  by: { names: readonly string[] } | { id: string },
  ancestors: readonly string[],
  roots: readonly string[],
): Promise<OfferedServer[]> {
  return sql.rows<OfferedServer>(
    `select m.id, m.name, m.url, o.path as ou_path, m.deployment,
        (o.ancestors && $3::uuid[] or o.id in (select unnest(r.ancestors) from ous r where r.id = any ($3::uuid[]))) as readable
       from mcp_servers m join ous o on o.id = m.ou_id
      where m.removed_at is null and o.id = any ($2::uuid[]) and ${"id" in by ? "m.id = $1::uuid" : "m.name = any ($1::text[])"}
      order by m.name, cardinality(o.ancestors) desc`,
    ["id" in by ? by.id : by.names, ancestors, roots],
  );
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
