import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { pino } from "pino";
import { type RunningMcpServer, startMcpServer } from "../../mcp-server/server.ts";
import { type ApiFixture, clientSecret, startApiFixture } from "./api-fixture.ts";
import { uuid } from "./views.ts";

/** The MCP server before the API fixture, with a session whose bearer holds. */
export interface Stage {
  api: ApiFixture;
  mcp: RunningMcpServer;
  bearer: string;
  /** Lines of the server's log. */
  logged: string[];
  /** Makes a bearer of a new session. */
  newBearer(name: string, facts?: Record<string, unknown>): string;
  /** A connected client of the v2 SDK. */
  connect(bearer?: string): Promise<Client>;
  close(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  const api = await startApiFixture();
  const logged: string[] = [];
  const log = pino({ level: "trace" }, { write: (line) => void logged.push(line) });
  const mcp = await startMcpServer({ port: 0, host: "127.0.0.1", apiUrl: api.url, clientSecret, log });
  const clients: Client[] = [];

  const newBearer = (name: string, facts: Record<string, unknown> = {}) => {
    const token = `pls_${name.padEnd(43, "x")}`;
    const exp = Math.floor(Date.now() / 1000) + 3600;
    api.bearers.set(token, {
      active: true,
      sub: uuid(7),
      sid: `sid-${name}`,
      aud: mcp.url,
      exp,
      client_id: uuid(40),
      ...facts,
    });
    return token;
  };
  const bearer = newBearer("first");

  return {
    api,
    mcp,
    bearer,
    logged,
    newBearer,
    connect: async (token = bearer) => {
      const client = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(mcp.url), { requestInit }));
      clients.push(client);
      return client;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close().catch(() => {})));
      await mcp.close();
      await api.stop().catch(() => {});
    },
  };
}

/** The text of a tool result, which is one block. */
export function textOf(result: object): string {
  const [block] = (result as { content: { text: string }[] }).content;
  return block?.text ?? "";
}
