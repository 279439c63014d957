import { sharedStack } from "../../support/organisation.ts";
import type { Cell } from "./golden.ts";
import { runsUrl, type Target } from "./world.ts";

export type Server = "meta" | "runs";

/** One valid call of a tool. */
export interface ToolTrial {
  server: Server;
  tool: string;
  input: (target: Target) => Record<string, unknown>;
  /** As for `Trial`. */
  own?: true;
  beyond?: readonly number[];
  shows?: (target: Target) => string;
}

const id = (value: string) => `"id":"${value}"`;

/** A valid call of every tool. What would change something is there already: whoever is allowed is told so. */
export const toolTrials: readonly ToolTrial[] = [
  { server: "meta", tool: "list_ous", input: () => ({}), shows: (t) => id(t.ouId) },
  { server: "meta", tool: "list_users", input: () => ({}), shows: (t) => id(t.user) },
  { server: "meta", tool: "list_skills", input: () => ({}), shows: (t) => id(t.skill) },
  { server: "meta", tool: "list_mcp_servers", input: () => ({}), shows: (t) => id(t.server) },
  { server: "meta", tool: "list_agents", input: () => ({}), shows: (t) => id(t.agent) },
  { server: "meta", tool: "describe_user", input: (t) => ({ email: t.email }) },
  { server: "meta", tool: "describe_agent", input: (t) => ({ agent_id: t.agent }) },
  { server: "meta", tool: "create_agent", input: (t) => ({ name: "target", ou: t.ou }), beyond: [409] },
  {
    server: "meta",
    tool: "attach_skill_to_agent",
    input: (t) => ({ agent_id: t.agent, skill_id: t.skill }),
    beyond: [409],
  },
  {
    server: "meta",
    tool: "attach_mcp_server_to_agent",
    input: (t) => ({ agent_id: t.agent, mcp_server_id: t.server }),
    beyond: [409],
  },
  {
    server: "meta",
    tool: "create_credential",
    input: (t) => ({ agent_id: t.agent, mcp_server_id: t.server }),
    beyond: [409],
  },
  { server: "runs", tool: "start_run", input: (t) => ({ task: "Hello", ou: t.ou, agent: "nobody" }), beyond: [422] },
  { server: "runs", tool: "get_run", input: (t) => ({ run_id: t.run }), own: true },
  { server: "runs", tool: "wait_run", input: (t) => ({ run_id: t.run, timeout_seconds: 1 }), own: true },
  { server: "runs", tool: "list_runs", input: () => ({ limit: 100 }), shows: (t) => id(t.run), own: true },
  { server: "runs", tool: "cancel_run", input: (t) => ({ run_id: t.run }), own: true, beyond: [409] },
];

export interface ToolAnswer {
  /** Of HTTP. */
  http: number;
  /** Of the API's problem, when the tool gave one. */
  status: number | undefined;
  text: string;
}

const urlOf = (server: Server) => (server === "meta" ? sharedStack().mcpUrl : runsUrl());

/** One JSON-RPC request as bare HTTP: what a client would hide behind its own errors is seen. */
export async function rpc(
  server: Server,
  authorization: string | undefined,
  method: string,
  params: Record<string, unknown>,
): Promise<{ http: number; result: Record<string, unknown> | undefined; text: string }> {
  const response = await fetch(urlOf(server), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const text = await response.text();
  const json = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  const result =
    response.status === 200 ? (JSON.parse(json) as { result?: Record<string, unknown> }).result : undefined;
  return { http: response.status, result, text };
}

export async function callTool(bearer: string, trial: ToolTrial, target: Target): Promise<ToolAnswer> {
  const { http, result, text } = await rpc(trial.server, `Bearer ${bearer}`, "tools/call", {
    name: trial.tool,
    arguments: trial.input(target),
  });
  if (result === undefined) return { http, status: undefined, text };
  const shown = (result["content"] as { text: string }[])[0]?.text ?? "{}";
  const status = result["isError"] === true ? Number((JSON.parse(shown) as { status?: number }).status) : undefined;
  return { http, status, text: shown };
}

export function toolCell({ beyond = [], shows }: ToolTrial, { http, status, text }: ToolAnswer, target: Target): Cell {
  if (http !== 200) return `h${http}`;
  if (status === undefined) return shows === undefined || text.includes(shows(target)) ? "ok" : "nil";
  return beyond.includes(status) ? "ok" : String(status);
}
