import type { Tx } from "../db/database.ts";

/**
 * Revokes every bearer of a server, or of one agent at that server: the stored credential and the copies in sessions.
 * @returns ids of the credentials revoked now
 */
export async function revokeBearers(
  tx: Tx,
  which: { agentId?: string; mcpServerId: string },
  now: Date,
): Promise<string[]> {
  const values = [which.mcpServerId, which.agentId ?? null, now];
  await tx.run(
    `update session_bearers set revoked_at = $3, sealed_bearer = null
      where mcp_server_id = $1 and ($2::uuid is null or agent_id = $2) and revoked_at is null`,
    values,
  );
  const rows = await tx.rows<{ id: string }>(
    `update credentials set revoked_at = $3, sealed_bearer = null
      where mcp_server_id = $1 and ($2::uuid is null or agent_id = $2) and revoked_at is null returning id`,
    values,
  );
  return rows.map((row) => row.id);
}
