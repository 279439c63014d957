import { type CapabilityBinding, open } from "../core/lease/capability.ts";
import { capabilityKeys } from "../core/lease/capability-keys.ts";
import { isListing } from "../core/lease/listing.ts";
import type { Sql } from "../db/database.ts";
import { isUuid } from "../db/queries/ous.ts";
import type { ApiDeps } from "./deps.ts";
import { findRunCall } from "./run-capability.ts";

/** Whether a token is one that agent runs present, by its looks. */
export function looksLikeCapability(token: string): boolean {
  return token.startsWith("plc1.");
}

interface Facts {
  sub: string;
  email: string;
  agent: string;
  /** What the server calls the tool, and what runs do. */
  tool: string;
  name: string;
  url: string;
}

/**
 * What a registered MCP server learns of a token that a run has presented to it (RFC 7662): for whom the run acts, and what
 * for. Active only for the registration whose tool it is, and only while the call is being carried out: not after its result
 * is there, the run has ended, its leases were revoked or the registration was removed.
 * @param client id of the registration that asks
 */
export async function introspectCapability(
  deps: Pick<ApiDeps, "config" | "db" | "now">,
  client: string,
  token: string,
): Promise<Record<string, unknown>> {
  const now = deps.now().getTime();
  const opened = open(token, now, capabilityKeys(deps.config.sealingKey, now));
  if (!opened.ok || !isUuid(client)) return { active: false };
  const { binding } = opened;
  const facts = await deps.db.readOrganisation(binding.organisationId, (sql) =>
    isListing(binding) ? factsOfListing(sql, binding, client) : factsOfCall(sql, binding, client),
  );
  if (facts === undefined) return { active: false };
  return {
    active: true,
    token_type: "Bearer",
    client_id: facts.agent,
    sub: facts.sub,
    username: facts.email,
    act: { sub: `run:${binding.runId}` },
    // A scope is of printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3).
    scope: /^[!#-[\]-~]+$/.test(facts.tool) ? facts.tool : facts.name,
    aud: facts.url,
    iss: deps.config.apiUrl,
    exp: Math.floor(opened.expiresAt / 1000),
  };
}

async function factsOfCall(sql: Sql, binding: CapabilityBinding, client: string): Promise<Facts | undefined> {
  const call = await findRunCall(sql, { ...binding, tool: binding.toolId });
  if (call?.sessionOpen !== true) return undefined;
  const asked = await sql.maybe<{ tool: string; url: string }>(
    `select t.spec -> 'source' ->> 'tool' as tool, m.url from run_tools t
       join mcp_servers m on m.id = t.mcp_server_id and m.removed_at is null
      where t.root_run_id = $1 and t.name = $2 and t.mcp_server_id = $3`,
    [call.rootRunId, call.tool, client],
  );
  return asked && { ...asked, sub: call.sub, email: call.email, agent: call.agentId, name: call.tool };
}

/** A tree of runs asks which tools there are before it has started, and never again. */
function factsOfListing(sql: Sql, binding: CapabilityBinding, client: string): Promise<Facts | undefined> {
  return sql.maybe<Facts>(
    `select u.id as sub, u.email, r.agent_id as agent, $3 as tool, $3 as name, m.url
       from agent_runs r
       join users u on u.id = r.requester_id and u.status = 'active'
       join ous o on o.id = r.ou_id
       join mcp_servers m on m.id = $2 and m.removed_at is null and m.ou_id = any (o.ancestors)
      where r.id = $1 and r.parent_run_id is null and r.started_at is null and r.completed_at is null and $2::text = $4`,
    [binding.runId, client, binding.stepId, binding.toolId],
  );
}
