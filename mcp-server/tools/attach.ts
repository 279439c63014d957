import { agentDetailView } from "../../contracts/views.ts";
import { type MutationAnswer, mutate } from "./mutate.ts";
import type { ToolFunction } from "./tool-call.ts";
import { type ChangeWords, waitingMessage } from "./waiting-message.ts";

type AgentDetail = NonNullable<ReturnType<typeof agentDetailView.safeParse>["data"]>;

/** Attaches a skill, at its newest version unless one is named. */
export const attachSkillToAgent: ToolFunction<"attach_skill_to_agent"> = async (caller, input) => {
  const { agent_id, ...body } = input;
  const answer = await mutate(caller, {
    tool: "attach_skill_to_agent",
    operation: "agent.attach_skill",
    path: `/agents/${agent_id}/skills`,
    args: input,
    body,
  });
  const words = { change: "Attaching the skill to the agent", consequence: "The skill will be attached" };
  return outcome(answer, words, ({ name, attachments }) => {
    const skill = attachments.skills.find(({ skill_id }) => skill_id === body.skill_id);
    return `Attached skill ${skill === undefined ? `\`${body.skill_id}\`` : `\`${skill.name}\` (version ${skill.version})`} to agent \`${name}\`.`;
  });
};

/** Attaches a registered MCP server. */
export const attachMcpServerToAgent: ToolFunction<"attach_mcp_server_to_agent"> = async (caller, input) => {
  const { agent_id, ...body } = input;
  const answer = await mutate(caller, {
    tool: "attach_mcp_server_to_agent",
    operation: "agent.attach_mcp_server",
    path: `/agents/${agent_id}/mcp-servers`,
    args: input,
    body,
  });
  const words = { change: "Attaching the MCP server to the agent", consequence: "The server will be attached" };
  return outcome(answer, words, ({ name, attachments }) => {
    const server = attachments.mcp_servers.find(({ mcp_server_id }) => mcp_server_id === body.mcp_server_id);
    return `Attached MCP server \`${server?.name ?? body.mcp_server_id}\` to agent \`${name}\`. It needs a credential before the agent can reach it: create_credential.`;
  });
};

function outcome(answer: MutationAnswer, words: ChangeWords, applied: (agent: AgentDetail) => string) {
  if (answer.status !== "applied")
    return { status: answer.status, request_id: answer.requestId, message: waitingMessage(answer, words, undefined) };
  const agent = agentDetailView.safeParse(answer.resource).data;
  return agent === undefined
    ? { status: answer.status, message: `${words.change} is done.` }
    : { status: answer.status, message: applied(agent), agent };
}
