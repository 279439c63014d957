import type { z } from "zod";
import type { skillView } from "../../contracts/views.ts";
import type { Sql } from "../database.ts";
import { isUuid } from "./ous.ts";

export interface SkillRow {
  id: string;
  name: string;
  description: string;
  ou_id: string;
  ou_path: string;
  ou_ancestors: string[];
  latest_version: number;
  created_at: Date;
}

export const skillSelect = `select s.id, s.name, s.description, s.ou_id, o.path as ou_path, o.ancestors as ou_ancestors,
  s.latest_version, s.created_at
  from skills s join ous o on o.organisation_id = s.organisation_id and o.id = s.ou_id`;

/** A skill by id. */
export function findSkill(sql: Sql, id: string): Promise<SkillRow | undefined> {
  return isUuid(id) ? sql.maybe<SkillRow>(`${skillSelect} where s.id = $1`, [id]) : Promise.resolve(undefined);
}

export function skillToView(row: SkillRow): z.infer<typeof skillView> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    ou_id: row.ou_id,
    ou_path: row.ou_path,
    latest_version: row.latest_version,
    created_at: row.created_at.toISOString(),
  };
}
