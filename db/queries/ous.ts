import type { z } from "zod";
import type { ouView } from "../../contracts/views.ts";
import type { Sql } from "../database.ts";

export interface OuRow {
  id: string;
  parent_id: string | null;
  name: string;
  display_name: string;
  path: string;
  ancestors: string[];
  created_at: Date;
}

const columns = "id, parent_id, name, display_name, path, ancestors, created_at";
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True for a string in UUID form. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** An OU by path (`/acme/sales`, a trailing slash is ignored) or id. */
export function findOu(sql: Sql, reference: string): Promise<OuRow | undefined> {
  return isUuid(reference)
    ? sql.maybe<OuRow>(`select ${columns} from ous where id = $1`, [reference])
    : sql.maybe<OuRow>(`select ${columns} from ous where path = $1`, [reference.replace(/(?<=.)\/+$/, "")]);
}

/** The organisation's root OU. */
export function findRootOu(sql: Sql): Promise<OuRow | undefined> {
  return sql.maybe<OuRow>(`select ${columns} from ous where parent_id is null order by created_at limit 1`);
}

/** Stores an OU below `parent` (null for a root) and returns it. */
export async function insertOu(
  sql: Sql,
  organisationId: string,
  ou: { id: string; name: string; displayName: string; parent: OuRow | null },
): Promise<OuRow> {
  const path = `${ou.parent?.path ?? ""}/${ou.name}`;
  const [row] = await sql.rows<OuRow>(
    `insert into ous (id, organisation_id, parent_id, name, display_name, path, ancestors)
     values ($1, $2, $3, $4, $5, $6, $7) returning ${columns}`,
    [
      ou.id,
      organisationId,
      ou.parent?.id ?? null,
      ou.name,
      ou.displayName,
      path,
      [...(ou.parent?.ancestors ?? []), ou.id],
    ],
  );
  if (row === undefined) throw new Error("insert returned no row");
  return row;
}

export function ouToView(row: OuRow): z.infer<typeof ouView> {
  return {
    id: row.id,
    path: row.path,
    name: row.name,
    display_name: row.display_name,
    parent_id: row.parent_id,
    created_at: row.created_at.toISOString(),
  };
}
