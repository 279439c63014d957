import Anthropic from "@anthropic-ai/sdk";
import type { BetaManagedAgentsSessionEvent } from "@anthropic-ai/sdk/resources/beta/sessions/events";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../simulator/server.ts";

export type Event = BetaManagedAgentsSessionEvent;

const errors: unknown[] = [];

/** Starts a stand-in and the official client for it. */
export async function start(options: Partial<SimulatorOptions> = {}) {
  const simulator = await startSimulator({
    port: 0,
    host: "127.0.0.1",
    log: (line) => void errors.push(line),
    ...options,
  });
  return { simulator, client: clientFor(simulator) };
}

export function clientFor(simulator: Pick<Simulator, "url">, options: { maxRetries?: number } = {}): Anthropic {
  return new Anthropic({ apiKey: "local", baseURL: simulator.url, maxRetries: 0, ...options });
}

let environments = 0;

export async function environment(client: Anthropic): Promise<string> {
  environments += 1;
  const created = await client.beta.environments.create({
    name: `env-${environments}-${process.pid}-${Math.random()}`,
  });
  return created.id;
}

export async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of list) items.push(item);
  return items;
}

/** Waits until the session is idle with nothing queued, and returns its whole history. */
export async function settled(client: Anthropic, sessionId: string, timeoutMs = 10_000): Promise<Event[]> {
  const until = Date.now() + timeoutMs;
  while (Date.now() < until) {
    const events = await all(client.beta.sessions.events.list(sessionId));
    const queued = events.some((event) => "processed_at" in event && event.processed_at === null);
    const { status } = await client.beta.sessions.retrieve(sessionId);
    const last = events.findLast(({ type }) => type === "session.status_idle" || type === "session.status_running");
    if (status === "idle" && !queued && last?.type === "session.status_idle") return events;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`session ${sessionId} did not settle`);
}

/** Sends a message and returns the events it led to. */
export async function converse(client: Anthropic, sessionId: string, text: string): Promise<Event[]> {
  const before = new Set((await all(client.beta.sessions.events.list(sessionId))).map(({ id }) => id));
  await client.beta.sessions.events.send(sessionId, {
    events: [{ type: "user.message", content: [{ type: "text", text }] }],
  });
  return (await settled(client, sessionId)).filter(({ id }) => !before.has(id));
}

export function texts(events: Event[]): string[] {
  return events.flatMap((event) =>
    event.type === "agent.message"
      ? [event.content.map((part) => (part.type === "text" ? part.text : "")).join("")]
      : [],
  );
}

export function lastText(events: Event[]): string {
  return texts(events).at(-1) ?? "";
}

export function toolNames(events: Event[]): string[] {
  return events.flatMap((event) => (event.type === "agent.mcp_tool_use" ? [event.name] : []));
}

/** An agent with one MCP server, a vault with its bearer, and a session. */
export async function sessionWith(
  client: Anthropic,
  options: {
    url: string;
    bearer?: string;
    policy?: "always_allow" | "always_ask";
    metadata?: Record<string, string>;
  },
) {
  const agent = await client.beta.agents.create({
    name: "tested",
    model: "claude-opus-5-5",
    mcp_servers: [{ type: "url", name: "meta", url: options.url }],
    tools: [
      {
        type: "mcp_toolset",
        mcp_server_name: "meta",
        default_config: { enabled: true, permission_policy: { type: options.policy ?? "always_allow" } },
      },
    ],
    metadata: options.metadata ?? {},
  });
  const vault = await client.beta.vaults.create({ display_name: "session" });
  const credential =
    options.bearer === undefined
      ? undefined
      : await client.beta.vaults.credentials.create(vault.id, {
          auth: { type: "static_bearer", mcp_server_url: options.url, token: options.bearer },
        });
  const session = await client.beta.sessions.create({
    agent: agent.id,
    environment_id: await environment(client),
    vault_ids: [vault.id],
  });
  return { agent, vault, credential, session };
}
