import type { z } from "zod";
import {
  agentDetailView,
  agentView,
  mcpServerView,
  ouView,
  skillView,
  userDetailView,
  userView,
} from "../../contracts/views.ts";
import { failureOf, jsonOf } from "../api-requests.ts";
import { ouTree } from "./ou-tree.ts";
import { allPages } from "./pages.ts";
import type { Caller, ToolFunction } from "./tool-call.ts";

/** The OUs the person can see, as a tree. */
export const listOus: ToolFunction<"list_ous"> = async ({ delegate }) => {
  const client = await delegate("ou.list");
  return { ous: ouTree(await allPages(client, "/ous", ouView)) };
};

/** The people they can see. */
export const listUsers: ToolFunction<"list_users"> = async ({ delegate }, { ou }) => ({
  users: await allPages(await delegate("user.list"), "/users", userView, { ou }),
});

/** The skills they can use. */
export const listSkills: ToolFunction<"list_skills"> = async ({ delegate }, { ou }) => ({
  skills: await allPages(await delegate("skill.list"), "/skills", skillView, { ou }),
});

/** The registered MCP servers they can use. */
export const listMcpServers: ToolFunction<"list_mcp_servers"> = async ({ delegate }, { ou }) => ({
  mcp_servers: await allPages(await delegate("mcp_server.list"), "/mcp-servers", mcpServerView, { ou }),
});

/** The agents they can see. */
export const listAgents: ToolFunction<"list_agents"> = async ({ delegate }, { ou }) => ({
  agents: await allPages(await delegate("agent.list"), "/agents", agentView, { ou }),
});

/** One person, by email. */
export const describeUser: ToolFunction<"describe_user"> = (caller, { email }) =>
  one(caller, "user.get", `/users/${encodeURIComponent(email)}`, userDetailView);

/** One agent, by id. */
export const describeAgent: ToolFunction<"describe_agent"> = (caller, { agent_id }) =>
  one(caller, "agent.get", `/agents/${agent_id}`, agentDetailView);

async function one<View extends z.ZodType>(
  { delegate }: Caller,
  operation: string,
  path: string,
  view: View,
): Promise<z.output<View>> {
  const answer = await (await delegate(operation)).get(path);
  if (answer.status !== 200) throw failureOf(answer);
  return view.parse(jsonOf(answer));
}
