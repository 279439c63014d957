import { Client as McpClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { unseal } from "../core/sealing.ts";
import type { Client } from "./fleet/client.ts";
import type { Probe } from "./recovery.ts";
import type { Part, Stage } from "./stage.ts";

/** What needs each part, and as little else as possible. */
export function probesOf(stage: Stage, prober: Client, sessionId: string, agentId: string): Record<Part, Probe> {
  const { stack, database } = stage;
  let groups = 0;
  const change: Probe = async () => {
    groups += 1;
    const name = `probe-${groups}`;
    const known = await prober.ask({
      operation: "group.create",
      method: "POST",
      path: "/groups",
      body: { name, ou: stage.root },
      ou: stage.root,
      marks: { name },
    });
    return known.outcome === "applied";
  };
  const read: Probe = async () => {
    const answer = await fetch(`${stack.apiUrl}/me`, {
      headers: { authorization: `Bearer ${await prober.token()}` },
      signal: AbortSignal.timeout(2_000),
    });
    await answer.body?.cancel();
    return answer.ok;
  };
  const call: Probe = async () => {
    const client = new McpClient({ name: "chaos", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
    const requestInit = { headers: { authorization: `Bearer ${await bearerOf(stage, sessionId)}` } };
    try {
      await client.connect(new StreamableHTTPClientTransport(new URL(stack.mcpUrl), { requestInit }), {
        timeout: 3_000,
      });
      return (await client.callTool({ name: "list_ous", arguments: {} }, { timeout: 3_000 })).isError !== true;
    } finally {
      await client.close();
    }
  };
  const reconcile: Probe = async () => {
    const checked = async () =>
      (await database.query<{ at: string }>("select checked_at::text as at from agents where id = $1", [agentId]))
        .rows[0]?.at;
    const before = await checked();
    await prober.ask({
      operation: "agent.reconcile",
      method: "POST",
      path: `/agents/${agentId}/reconcile`,
      body: {},
      ou: stage.root,
      marks: {},
    });
    for (let looks = 0; looks < 60; looks += 1) {
      if ((await checked()) !== before) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  };
  return { api: read, postgres: read, worker: change, temporal: change, mcp: call, simulator: reconcile };
}

/** The bearer of an open session, from its sealed row, as the worker gives it to the vault. */
export async function bearerOf({ database, stack }: Stage, sessionId: string): Promise<string> {
  const { rows } = await database.query<{ sealed_bearer: string | null }>(
    "select sealed_bearer from session_bearers where session_id = $1",
    [sessionId],
  );
  const sealed = rows[0]?.sealed_bearer;
  if (sealed == null) throw new Error(`session ${sessionId} has no bearer`);
  return unseal(Buffer.from(stack.environment["POWERLOOM_SEALING_KEY"] ?? "", "base64url"), sealed);
}
