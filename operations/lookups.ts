import { PowerloomError } from "../core/errors.ts";
import type { Sql } from "../db/database.ts";
import { type AgentRow, findAgent } from "../db/queries/agents.ts";
import { findMcpServer, type McpServerRow } from "../db/queries/mcp-servers.ts";
import { findOu, isUuid, type OuRow } from "../db/queries/ous.ts";
import { findUser, type UserRow } from "../db/queries/people.ts";
import { findSkill, type SkillRow } from "../db/queries/skills.ts";
import type { OperationContext, OuScope, Preview, PreviewContext } from "./declaration.ts";

/** Looks things up for an operation, or refuses with a 404 that names the field and what would be valid. */

export async function requireOu(sql: Sql, reference: string, field = "ou"): Promise<OuRow> {
  const ou = await findOu(sql, reference);
  if (ou === undefined) throw missing(`No OU found at \`${reference}\`. Give an existing path or id.`, field);
  return ou;
}

export async function requireUser(sql: Sql, reference: string, field: string): Promise<UserRow> {
  const user = await findUser(sql, reference);
  if (user === undefined) throw missingUser(reference, field);
  return user;
}

/** A 404 for a person who is not there, or not for the caller to see. */
export function missingUser(reference: string, field: string): PowerloomError {
  return missing(
    isUuid(reference)
      ? `No user found with id \`${reference}\`.`
      : `No user found with email \`${reference}\`. Check the email address and try again.`,
    field,
  );
}

/** Who is to own an agent: an active person. */
export async function requireOwner(sql: Sql, reference: string): Promise<UserRow> {
  const owner = await requireUser(sql, reference, "owner");
  if (owner.status !== "active")
    throw new PowerloomError("invalid_input", `${owner.email} is suspended and cannot own an agent.`, {
      pointer: "/owner",
    });
  return owner;
}

/** The agent an operation acts on, its row held: found, authorised, and of the version the client meant. */
export async function requireAgent(context: PreviewContext, id: string): Promise<AgentRow> {
  const agent = await findAgent(context.tx, id, "lock");
  if (agent === undefined) throw missing(`No agent found with id \`${id}\`.`, "agent_id");
  await context.authorise(scopeOf(agent));
  requireVersion(context, agent.generation);
  return agent;
}

export async function requireSkill(sql: Sql, id: string): Promise<SkillRow> {
  const skill = await findSkill(sql, id);
  if (skill === undefined) throw missing(`No skill found with id \`${id}\`.`, "skill_id");
  return skill;
}

export async function requireMcpServer(sql: Sql, id: string): Promise<McpServerRow> {
  const server = await findMcpServer(sql, id);
  if (server === undefined) throw missing(`No MCP server found with id \`${id}\`.`, "mcp_server_id");
  return server;
}

/** If-Match, when given, must name the version the target has now. */
export function requireVersion(context: OperationContext, version: number): void {
  if (context.ifMatch !== undefined && context.ifMatch !== version)
    throw new PowerloomError(
      "precondition_failed",
      `If-Match names version ${context.ifMatch}; it is now ${version}.`,
      {
        current_version: version,
      },
    );
}

/** A 404 that names the field at fault. */
export function missing(detail: string, field: string): PowerloomError {
  return new PowerloomError("not_found", detail, { pointer: `/${field}` });
}

/** The scope of a row that carries its OU. */
export function scopeOf(row: { ou_id: string; ou_path: string; ou_ancestors: string[] }): OuScope {
  return { id: row.ou_id, path: row.ou_path, ancestors: row.ou_ancestors };
}

/**
 * Changing an agent that can act on the control plane itself (it has one of the shared servers, `powerloom_meta` or
 * `powerloom_runs`), or making it one, needs an administrator of the organisation (design §4).
 */
export function needsForMetaAccess(agent: AgentRow, adding?: McpServerRow): NonNullable<Preview<unknown>["alsoNeeds"]> {
  const reachesControlPlane =
    adding?.deployment === "shared" || agent.servers.some((server) => server.deployment === "shared");
  return reachesControlPlane ? [{ permission: "organisation:administer", ou: scopeOf(agent) }] : [];
}
