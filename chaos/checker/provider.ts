import Anthropic from "@anthropic-ai/sdk";
import type { Evidence, Tagged } from "./evidence.ts";
import type { Violation } from "./record.ts";

interface Listed {
  id: string;
  metadata?: Record<string, string> | null;
  archived_at?: string | null;
  description?: string | null;
}

/** What the provider holds that carries an id of ours, archived objects too. */
export async function readProvider(url: string): Promise<Evidence["provider"]> {
  const claude = new Anthropic({ apiKey: "checker", baseURL: url });
  const tagged = async (list: AsyncIterable<Listed>, name: string): Promise<Tagged[]> => {
    const found: Tagged[] = [];
    for await (const { id, metadata, archived_at, description } of list) {
      const tag = metadata?.[name];
      if (tag !== undefined) found.push({ id, tag, archived: archived_at != null, description: description ?? "" });
    }
    return found;
  };
  const { agents, sessions, vaults } = claude.beta;
  const all = { limit: 100, include_archived: true };
  const told: Evidence["provider"]["told"] = [];
  const open = await tagged(sessions.list(all), "powerloom_session");
  for (const { id, tag } of open) {
    for await (const event of sessions.events.list(id, { limit: 1000 }))
      if (event.type === "user.message") told.push({ tag, words: JSON.stringify(event.content) });
  }
  return {
    told,
    agents: await tagged(agents.list(all), "powerloom_agent"),
    sessions: open,
    vaults: await tagged(vaults.list(all), "powerloom_session"),
  };
}

/**
 * One object there for each of ours, none without one of ours, and as ours says. Of agents, one that is not archived: a request
 * that the provider carries out after its client has died, and another one has looked, makes a second one, since the provider
 * knows no idempotency keys; it has to be archived.
 */
export function checkProvider({ provider, agents, sessions }: Evidence): Violation[] {
  const found: Violation[] = [];
  const ids = new Set([...agents, ...sessions].map(({ id }) => id));
  for (const [said, times] of Map.groupBy(provider.told, ({ tag, words }) => `${tag}: ${words}`))
    if (times.length > 1) found.push({ kind: "duplicated", what: `session ${said} was said ${times.length} times` });
  const { told: _, ...objects } = provider;
  for (const [what, list] of Object.entries(objects))
    for (const [tag, copies] of Map.groupBy(list, (one) => one.tag)) {
      if ((what === "agents" ? copies.filter(({ archived }) => !archived) : copies).length > 1)
        found.push({
          kind: "duplicated",
          what: `the provider has ${copies.length} ${what} for ${tag}: ${copies.map(({ id }) => id).join(", ")}`,
        });
      if (!ids.has(tag))
        found.push({ kind: "unaudited", what: `the provider has ${what} for ${tag}, which is not ours` });
    }
  const liveLast = provider.agents.toSorted((a, b) => Number(b.archived) - Number(a.archived));
  const byTag = new Map(liveLast.map((agent) => [agent.tag, agent]));
  for (const agent of agents) {
    const there = byTag.get(agent.id);
    if (agent.deleted_at === null && (there === undefined || there.archived))
      found.push({ kind: "lost", what: `agent ${agent.id} (${agent.name}) is not at the provider` });
    if (agent.deleted_at === null && there !== undefined && there.description !== agent.description)
      found.push({
        kind: "lost",
        what: `agent ${agent.id} is described at the provider as "${there.description}", not "${agent.description}"`,
      });
    if (agent.deleted_at !== null && there !== undefined && !there.archived)
      found.push({ kind: "lost", what: `agent ${agent.id} was deleted and is still at the provider` });
  }
  return found;
}
