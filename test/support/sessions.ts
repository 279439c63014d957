import { unseal } from "../../core/sealing.ts";
import type { Person } from "../../demo/api.ts";
import { query } from "./database.ts";
import { eventually, sharedStack } from "./organisation.ts";

export interface SessionFacts {
  id: string;
  status: string;
  end_reason: string | null;
  error: unknown;
  cma_session_id: string | null;
  final_message: string | null;
  agent_version: number | null;
}

export interface SessionEvent {
  position: number;
  type: string;
  payload: Record<string, unknown>;
}

/** An agent that the provider has, with its id there. */
export async function makeAgent(
  person: Person,
  fields: { name: string; ou: string } & Record<string, unknown>,
): Promise<{ id: string; cmaAgentId: string }> {
  const { id } = await person.make<{ id: string }>("/agents", fields);
  return { id, cmaAgentId: await synced(person, id) };
}

/** Waits until the provider has the agent's newest state; its id there. */
export function synced(person: Person, agentId: string): Promise<string> {
  return eventually(async () => {
    const agent = await person.get<{ sync_state: string; cma_agent_id: string | null }>(`/agents/${agentId}`);
    return agent.sync_state === "synced" && agent.cma_agent_id !== null ? agent.cma_agent_id : undefined;
  }, `agent ${agentId} is synced`);
}

/** Makes the organisation's meta-agent. */
export async function bootstrap(admin: Person, ou: string): Promise<{ agentId: string; serverId: string }> {
  const report = await admin.make<{ status: string; agent: { id: string }; mcp_server: { id: string } }>("/bootstrap", {
    ou,
  });
  if (report.status !== "ready") throw new Error(`the bootstrap is ${report.status}`);
  return { agentId: report.agent.id, serverId: report.mcp_server.id };
}

/** Opens a session; returns its id. */
export async function invoke(person: Person, agentId: string, more: Record<string, unknown> = {}): Promise<string> {
  const { session_id } = await person.make<{ session_id: string }>(`/agents/${agentId}/invoke`, {
    prompt: "Hello",
    ...more,
  });
  return session_id;
}

/** Waits until a session has one of the given states. */
export function sessionIn(person: Person, id: string, ...states: string[]): Promise<SessionFacts> {
  return eventually(
    async () => {
      const session = await person.get<SessionFacts>(`/sessions/${id}`);
      return states.includes(session.status) ? session : undefined;
    },
    `session ${id} is ${states.join(" or ")}`,
    20_000,
  );
}

/** Waits until the provider's side of an ended session is cleaned up too. */
export async function cleanedUp(id: string): Promise<void> {
  await eventually(async () => {
    const [row] = await query<{ cleaned_at: Date | null }>("select cleaned_at from sessions where id = $1", [id]);
    return row?.cleaned_at ?? undefined;
  }, `session ${id} is cleaned up`);
}

/** All events of a session so far. */
export async function eventsOf(person: Person, id: string): Promise<SessionEvent[]> {
  return (await person.get<{ data: SessionEvent[] }>(`/sessions/${id}/events?limit=1000`)).data;
}

/** The words of an event's content. */
export function wordsOf(event: SessionEvent): string {
  const content = (event.payload["content"] ?? []) as { text?: string }[];
  return content.map(({ text }) => text ?? "").join("");
}

/** The bearer with which a session reaches a server of ours: only the sealing key's holder can see it. */
export async function bearerOf(sessionId: string, mcpServerId?: string): Promise<string> {
  const sealed = await eventually(async () => {
    const [row] = await query<{ sealed_bearer: string | null }>(
      "select sealed_bearer from session_bearers where session_id = $1 and ($2::uuid is null or mcp_server_id = $2)",
      [sessionId, mcpServerId ?? null],
    );
    return row?.sealed_bearer ?? undefined;
  }, `session ${sessionId} has a bearer`);
  return unseal(Buffer.from(sharedStack().sealingKey, "base64url"), sealed);
}
