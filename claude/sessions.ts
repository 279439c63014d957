import type Anthropic from "@anthropic-ai/sdk";
import { ConflictError } from "@anthropic-ai/sdk";
import { metadataKeys } from "../core/reconcile/agent-definition.ts";
import { createdSince } from "./created-since.ts";
import { isGone } from "./faults.ts";

/** Vaults that were created for this session and are there. */
export async function* taggedVaults(claude: Anthropic, sessionId: string): AsyncGenerator<string> {
  for await (const vault of claude.beta.vaults.list({ limit: 100 }))
    if (vault.metadata[metadataKeys.session] === sessionId && vault.archived_at === null) yield vault.id;
}

/** A vault that was created for this session but not recorded. */
export async function findTaggedVault(claude: Anthropic, sessionId: string): Promise<string | undefined> {
  for await (const id of taggedVaults(claude, sessionId)) return id;
  return undefined;
}

export async function createVault(claude: Anthropic, sessionId: string): Promise<string> {
  const vault = await claude.beta.vaults.create({
    // Our opaque id, never personal data: everybody with a key of the workspace can list vaults.
    display_name: `powerloom session ${sessionId}`,
    metadata: { [metadataKeys.session]: sessionId },
  });
  return vault.id;
}

/** Puts a bearer into the session's vault. One that is there already (a retry) is left. */
export async function addCredential(
  claude: Anthropic,
  vaultId: string,
  credential: { name: string; url: string; bearer: string },
): Promise<void> {
  try {
    await claude.beta.vaults.credentials.create(vaultId, {
      display_name: credential.name,
      auth: { type: "static_bearer", mcp_server_url: credential.url, token: credential.bearer },
    });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
}

/** A session at the provider, and the version of its agent that it has: that stays as it was when it was created. */
export interface ManagedSession {
  id: string;
  agentVersion: number;
}

/** Managed sessions that were created for ours and are not archived. */
export async function* taggedSessions(
  claude: Anthropic,
  sessionId: string,
  intendedAt: Date,
): AsyncGenerator<ManagedSession> {
  const since = createdSince(intendedAt);
  for await (const session of claude.beta.sessions.list({ "created_at[gte]": since, limit: 100 }))
    if (session.metadata[metadataKeys.session] === sessionId && session.archived_at === null)
      yield { id: session.id, agentVersion: session.agent.version };
}

/** A managed session that was created for ours but not recorded. */
export async function findTaggedSession(
  claude: Anthropic,
  sessionId: string,
  intendedAt: Date,
): Promise<ManagedSession | undefined> {
  for await (const found of taggedSessions(claude, sessionId, intendedAt)) return found;
  return undefined;
}

/** Creates the session idle: it is recorded before it is told anything. */
export async function createSession(
  claude: Anthropic,
  session: {
    sessionId: string;
    agentId: string;
    agentVersion: number;
    environmentId: string;
    vaultId: string;
    title: string;
  },
): Promise<ManagedSession> {
  const created = await claude.beta.sessions.create({
    agent: { type: "agent", id: session.agentId, version: session.agentVersion },
    environment_id: session.environmentId,
    vault_ids: [session.vaultId],
    title: session.title,
    metadata: { [metadataKeys.session]: session.sessionId },
  });
  return { id: created.id, agentVersion: created.agent.version };
}

/** Interrupts a running session and archives it; what is gone already is fine. */
export async function endSession(claude: Anthropic, cmaSessionId: string): Promise<void> {
  try {
    const session = await claude.beta.sessions.retrieve(cmaSessionId);
    if (session.archived_at !== null) return;
    if (session.status === "running" || session.status === "rescheduling") {
      await claude.beta.sessions.events.send(cmaSessionId, { events: [{ type: "user.interrupt" }] });
      await untilIdle(claude, cmaSessionId);
    }
    await claude.beta.sessions.archive(cmaSessionId);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Whether the provider takes nothing more for this session: deleted, archived or terminated. */
export async function isOver(claude: Anthropic, cmaSessionId: string): Promise<boolean> {
  try {
    const { archived_at, status } = await claude.beta.sessions.retrieve(cmaSessionId);
    return archived_at !== null || status === "terminated";
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** All events of a session, oldest first; none when it is gone. */
export async function listEvents(claude: Anthropic, cmaSessionId: string): Promise<object[]> {
  const events: object[] = [];
  try {
    for await (const event of claude.beta.sessions.events.list(cmaSessionId, { limit: 1000 })) events.push(event);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return events;
}

async function untilIdle(claude: Anthropic, cmaSessionId: string): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const { status } = await claude.beta.sessions.retrieve(cmaSessionId);
    if (status !== "running" && status !== "rescheduling") return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Destroys the session's vault, and with it every credential in it. */
export async function destroyVault(claude: Anthropic, vaultId: string): Promise<void> {
  try {
    await claude.beta.vaults.delete(vaultId);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
