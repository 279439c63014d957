import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createMcpExpressApp, requireBearerAuth } from "@modelcontextprotocol/express";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer, OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import type { z } from "zod";
import { type MetaToolName, metaToolInputs } from "../../contracts/meta-tools.ts";
import type { World, WorldOu } from "./world.ts";

interface Agent {
  id: string;
  name: string;
  display_name: string;
  description: string;
  ou_id: string;
  ou_path: string;
  owner_id: string;
  owner_email: string;
  model: string;
  system_prompt: string;
  servers: Set<string>;
  skills: Set<string>;
}

export interface MetaServer {
  url: string;
  /** Accepted bearers; remove one to revoke it. */
  bearers: Set<string>;
  agents: Map<string, Agent>;
  credentials: { agent_id: string; mcp_server_id: string }[];
  calls: { tool: MetaToolName; input: Record<string, unknown> }[];
  /** OU paths where mutations are refused, or wait for approval. */
  forbidden: Set<string>;
  approval: Set<string>;
  /** Called before each tool runs. */
  before: (tool: MetaToolName) => void | Promise<void>;
  /** Does what an approved request asked for; returns the agent's id. */
  apply(requestId: string): string;
  close(): Promise<void>;
}

class Problem extends Error {
  readonly body: Record<string, unknown>;
  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.body = { type: `urn:problem:${title.toLowerCase().replace(/ /g, "-")}`, title, status, detail };
  }
}

const text = (value: unknown, fallback: string) => (typeof value === "string" ? value : fallback);
const at = "2026-11-01T08:00:00Z";

/** A real MCP server that carries out the eleven tools on an organisation in memory. */
export async function startMetaServer(world: World, caller = world.users[0]): Promise<MetaServer> {
  const pending = new Map<string, () => string>();
  const state = {
    bearers: new Set(["bearer-one"]),
    agents: new Map<string, Agent>(),
    credentials: [] as MetaServer["credentials"],
    calls: [] as MetaServer["calls"],
    forbidden: new Set<string>(),
    approval: new Set<string>(),
    before: (() => {}) as MetaServer["before"],
  };

  const within = (path: string, ou: string | undefined) => {
    const found = world.ous.find(({ id }) => id === ou);
    const root = found?.path ?? ou;
    return root === undefined || path === root || path.startsWith(`${root}/`);
  };
  const tree = (parent: string | null): unknown[] =>
    world.ous.filter(({ parent_id }) => parent_id === parent).map((ou) => ({ ...ou, children: tree(ou.id) }));
  const shown = (agent: Agent) => {
    const servers = world.servers.filter(({ id }) => agent.servers.has(id));
    const skills = world.skills.filter(({ id }) => agent.skills.has(id));
    const { servers: _servers, skills: _skills, ...plain } = agent;
    return {
      ...plain,
      kind: "user",
      generation: 1,
      synced_generation: 0,
      sync_state: "pending",
      sync_error: null,
      cma_agent_id: null,
      cma_agent_version: null,
      mcp_servers: servers.map(({ name }) => name),
      skills: skills.map(({ name }) => name),
      created_at: at,
      updated_at: at,
      attachments: {
        mcp_servers: servers.map(({ id, name, url }) => ({
          mcp_server_id: id,
          name,
          url,
          permission_policy: "always_ask",
        })),
        skills: skills.map(({ id, name }) => ({ skill_id: id, name, version: 1 })),
      },
      credentials: state.credentials
        .filter(({ agent_id }) => agent_id === agent.id)
        .map(({ agent_id, mcp_server_id }) => credentialOf(agent_id, mcp_server_id)),
    };
  };
  const credentialOf = (agent_id: string, mcp_server_id: string) => ({
    id: randomUUID(),
    agent_id,
    mcp_server_id,
    mcp_server_name: world.servers.find(({ id }) => id === mcp_server_id)?.name ?? "",
    kind: "static",
    expires_at: null,
    revoked_at: null,
    created_at: at,
  });
  const ouOf = (wanted: string | undefined): WorldOu => {
    const ou = world.ous.find(({ id, path }) => id === wanted || path === wanted);
    if (ou === undefined) throw new Problem(404, "Not Found", `No OU ${wanted}.`);
    return ou;
  };
  const agentOf = (id: unknown): Agent => {
    const agent = state.agents.get(String(id));
    if (agent === undefined) throw new Problem(404, "Not Found", `No agent ${String(id)}.`);
    return agent;
  };
  const governed = (permission: string, path: string, apply: () => string, result: (agentId: string) => unknown) => {
    if ([...state.forbidden].some((ou) => within(path, ou))) {
      const detail = `insufficient permissions. You need \`${permission}\` on \`${path}\`. Ask an OrgAdmin to grant a binding.`;
      throw new Problem(403, "Forbidden", detail);
    }
    if ([...state.approval].some((ou) => within(path, ou))) {
      const request_id = `req_${randomUUID().slice(0, 8)}`;
      pending.set(request_id, apply);
      return { status: "pending_approval", request_id, message: `${permission} waits for approval.` };
    }
    return result(apply());
  };

  const run: Record<MetaToolName, (input: Record<string, unknown>) => unknown> = {
    list_ous: () => ({ ous: tree(null) }),
    list_users: ({ ou }) => ({
      users: world.users.filter(({ home_ou_path }) => within(home_ou_path, ou as string | undefined)),
    }),
    list_skills: ({ ou }) => ({ skills: world.skills.filter(({ ou_path }) => within(ou_path, ou as string)) }),
    list_mcp_servers: ({ ou }) => ({
      mcp_servers: world.servers.filter(({ ou_path }) => within(ou_path, ou as string)),
    }),
    list_agents: ({ ou }) => ({
      agents: [...state.agents.values()].filter(({ ou_path }) => within(ou_path, ou as string)).map(shown),
    }),
    describe_user: ({ email }) => {
      const user = world.users.find((one) => one.email === String(email).toLowerCase());
      if (user === undefined) throw new Problem(404, "Not Found", `No user ${String(email)}.`);
      return { ...user, groups: [], roles: [] };
    },
    describe_agent: ({ agent_id }) => shown(agentOf(agent_id)),
    create_agent: (input) => {
      const ou = ouOf(input["ou"] as string | undefined);
      const owner = world.users.find(({ email }) => email === input["owner"]) ?? caller;
      const name = String(input["name"]);
      if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new Problem(400, "Bad Request", `name: ${name}`);
      if ([...state.agents.values()].some((agent) => agent.name === name && agent.ou_path === ou.path)) {
        throw new Problem(409, "Conflict", `An agent ${name} exists in ${ou.path}.`);
      }
      const apply = () => {
        const id = randomUUID();
        state.agents.set(id, {
          id,
          name,
          display_name: text(input["display_name"], name),
          description: text(input["description"], ""),
          ou_id: ou.id,
          ou_path: ou.path,
          owner_id: owner?.id ?? "",
          owner_email: owner?.email ?? "",
          model: text(input["model"], "claude-sonnet-4-6"),
          system_prompt: text(input["system_prompt"], ""),
          servers: new Set(),
          skills: new Set(),
        });
        return id;
      };
      return governed("agent:create", ou.path, apply, (id) => ({
        status: "applied",
        message: "created",
        agent: shown(agentOf(id)),
      }));
    },
    attach_skill_to_agent: ({ agent_id, skill_id }) => {
      const agent = agentOf(agent_id);
      agent.skills.add(String(skill_id));
      return { status: "applied", message: "attached", agent: shown(agent) };
    },
    attach_mcp_server_to_agent: ({ agent_id, mcp_server_id }) => {
      const agent = agentOf(agent_id);
      agent.servers.add(String(mcp_server_id));
      return { status: "applied", message: "attached", agent: shown(agent) };
    },
    create_credential: ({ agent_id, mcp_server_id }) => {
      const agent = agentOf(agent_id);
      if (!agent.servers.has(String(mcp_server_id))) throw new Problem(409, "Conflict", "The server is not attached.");
      state.credentials.push({ agent_id: agent.id, mcp_server_id: String(mcp_server_id) });
      return { status: "applied", message: "minted", credential: credentialOf(agent.id, String(mcp_server_id)) };
    },
  };

  const build = () => {
    const server = new McpServer({ name: "meta-fixture", version: "1.0.0" });
    for (const tool of Object.keys(metaToolInputs) as MetaToolName[]) {
      server.registerTool(
        tool,
        { description: tool.replace(/_/g, " "), inputSchema: metaToolInputs[tool] as z.ZodObject },
        async (given) => {
          await meta.before(tool);
          state.calls.push({ tool, input: given });
          try {
            const value = run[tool](given) as Record<string, unknown>;
            return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value };
          } catch (error) {
            if (!(error instanceof Problem)) throw error;
            return { content: [{ type: "text", text: JSON.stringify(error.body) }], isError: true };
          }
        },
      );
    }
    return server;
  };

  const app = createMcpExpressApp();
  const verifier = {
    verifyAccessToken: (token: string) => {
      if (!state.bearers.has(token)) throw new OAuthError(OAuthErrorCode.InvalidToken, "unknown or revoked bearer");
      return Promise.resolve({ token, clientId: "stand-in", scopes: [], expiresAt: Date.now() / 1000 + 300 });
    },
  };
  const handler = toNodeHandler(createMcpHandler(build));
  app.all("/mcp", requireBearerAuth({ verifier }), (req, res) => void handler(req, res, req.body));
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });

  const meta: MetaServer = {
    ...state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    apply: (requestId) => {
      const apply = pending.get(requestId);
      if (apply === undefined) throw new Error(`no request ${requestId}`);
      pending.delete(requestId);
      return apply();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return meta;
}
