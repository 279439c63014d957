import { createMcpExpressApp, requireBearerAuth } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer, OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { z } from "zod";

/** How a third-party MCP server checks a bearer: RFC 7662 introspection, with the credentials of its own registration. */
export interface Introspection {
  apiUrl: string;
  clientId: string;
  clientSecret: string;
}

export interface ToolCall {
  server: string;
  tool: string;
  input: Record<string, unknown>;
  /** The agent whose bearer it was. */
  agent: string;
}

type ToolTable = Record<
  string,
  { description: string; input: z.ZodObject; run: (input: Record<string, unknown>) => unknown }
>;

const people = [
  { name: "Noor Haddad", title: "VP Operations", company: "Brightwave Logistics", email: "noor@brightwave.example" },
  { name: "Tomas Vrba", title: "Head of Procurement", company: "Oakline Foods", email: "tomas@oakline.example" },
  { name: "Lucia Ferri", title: "COO", company: "Montalto Devices", email: "lucia@montalto.example" },
];

/** The tools of the two local servers: enough of Apollo and Gmail to watch an agent work. */
const toolTables: Record<string, ToolTable> = {
  Apollo: {
    search_people: {
      description: "Search prospects: people by title, company or industry",
      input: z.object({ query: z.string(), limit: z.int().min(1).max(10).default(3) }),
      run: ({ limit }) => ({ people: people.slice(0, Number(limit)) }),
    },
  },
  Gmail: {
    create_draft: {
      description: "Create a draft e-mail to a prospect",
      input: z.object({ to: z.string().default("noor@brightwave.example"), subject: z.string(), body: z.string() }),
      run: ({ to, subject }) => ({ draft_id: "draft-1", to, subject }),
    },
  },
};

/** One real MCP server (Streamable HTTP) that accepts only bearers its introspection calls active, and reports each call. */
export async function startToolServer(options: {
  name: string;
  port: number;
  introspection: Introspection;
  onCall: (call: ToolCall) => void;
}): Promise<{ url: string; close: () => Promise<void> }> {
  const { name, introspection, onCall } = options;
  const table = toolTables[name] ?? {};
  const handler = createMcpHandler(({ authInfo }) => {
    const server = new McpServer({ name: name.toLowerCase(), version: "1.0.0" });
    for (const [tool, { description, input, run }] of Object.entries(table))
      server.registerTool(tool, { description, inputSchema: input }, (given: Record<string, unknown>) => {
        onCall({ server: name, tool, input: given, agent: authInfo?.clientId ?? "unknown" });
        return { content: [{ type: "text", text: JSON.stringify(run(given)) }] };
      });
    return server;
  });
  const serve = toNodeHandler(handler);
  const app = createMcpExpressApp();
  app.use(requireBearerAuth({ verifier: { verifyAccessToken: (token) => introspect(introspection, token) } }));
  app.all("/mcp", (req, res) => serve(req, res, req.body));
  const server = await new Promise<ReturnType<typeof app.listen>>((resolve, reject) => {
    const listening = app.listen(options.port, "127.0.0.1", () => resolve(listening));
    listening.once("error", reject);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function introspect({ apiUrl, clientId, clientSecret }: Introspection, token: string) {
  const response = await fetch(`${apiUrl}/oauth/introspect`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: new URLSearchParams({ token }),
  });
  const facts = (await response.json()) as { active?: boolean; client_id?: string; exp?: number };
  if (facts.active !== true || facts.client_id === undefined)
    throw new OAuthError(OAuthErrorCode.InvalidToken, "the bearer is not active");
  return { token, clientId: facts.client_id, scopes: [], expiresAt: facts.exp ?? 0 };
}
