import { type Connection, connect } from "../mcp/connection.ts";
import { bearerFor } from "../resources/credentials.ts";
import type { KnownTool, Store } from "../store/store.ts";
import type { Session } from "../store/wire.ts";
import { serverProblem } from "./execute.ts";
import { policyFor } from "./policy.ts";

/** The MCP servers of a session for one stretch of running, and the tools they offer. */
export function sessionTools(store: Store, sessionId: string, agent: Session["agent"], vaultIds: string[]) {
  const connections = new Map<string, Connection>();
  for (const server of agent.mcp_servers) {
    connections.set(
      server.name,
      connect(server, () => bearerFor(store, vaultIds, server.url)),
    );
  }
  const failed = new Set<string>();

  return {
    connection: (server: string): Connection | undefined => connections.get(server),
    /** True once per server and stretch: a server that is down is told of once, not at each call. */
    firstFailure: (server: string): boolean => {
      const first = !failed.has(server);
      failed.add(server);
      return first;
    },
    /** Asks every server for its tools; one that does not answer keeps what it offered before. */
    async list(signal: AbortSignal): Promise<KnownTool[]> {
      const before = store.knownTools.get(sessionId)?.tools ?? [];
      const lists = await Promise.all(
        [...connections].map(async ([name, connection]) => {
          const outcome = await connection.list(signal);
          if (outcome.kind === "tools") return outcome.tools;
          if (!signal.aborted) {
            failed.add(name);
            store.events.emit(sessionId, serverProblem(name, outcome.kind, outcome.message));
          }
          return before.filter(({ server }) => server === name);
        }),
      );
      const tools = lists.flat().filter((tool) => policyFor(agent, tool.server, tool.name) !== undefined);
      const known = { id: sessionId, created_at: "", tools };
      if (store.knownTools.get(sessionId) === undefined) store.knownTools.insert(known);
      else store.knownTools.replace(known);
      return tools;
    },
    close: async () => {
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}
