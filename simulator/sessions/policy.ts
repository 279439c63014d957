import type { ToolCall } from "../operator/step.ts";
import type { NewEvent, Session } from "../store/wire.ts";
import type { ToolUse } from "./open-calls.ts";

type Policy = "always_allow" | "always_ask" | "auto";

/** The policy that governs a tool of an MCP server (or a built-in one); undefined when it is not enabled. */
export function policyFor(agent: Session["agent"], server: string | undefined, tool: string): Policy | undefined {
  for (const toolset of agent.tools) {
    if (toolset.type === "custom") continue;
    const matches = toolset.type === "mcp_toolset" ? toolset.mcp_server_name === server : server === undefined;
    if (!matches) continue;
    const config = toolset.configs.find(({ name }) => name === tool) ?? toolset.default_config;
    return config.enabled ? config.permission_policy.type : undefined;
  }
  return undefined;
}

/** The tool-use event for a call the mind decided on. */
export function toolUseEvent(agent: Session["agent"], call: ToolCall): Extract<NewEvent, { type: ToolUse["type"] }> {
  const { server, tool: name, input } = call;
  if (server === undefined && agent.tools.some((tool) => tool.type === "custom" && tool.name === name)) {
    return { type: "agent.custom_tool_use", name, input };
  }
  const policy = policyFor(agent, server, name);
  const permission = policy === undefined ? "deny" : policy === "always_ask" ? "ask" : "allow";
  const evaluated = {
    evaluated_permission: permission,
    ...(policy === undefined ? {} : { evaluation: evaluation(policy) }),
  } as const;
  if (server === undefined) return { type: "agent.tool_use", name, input, ...evaluated };
  return { type: "agent.mcp_tool_use", mcp_server_name: server, name, input, ...evaluated };
}

function evaluation(policy: Policy) {
  if (policy === "auto") return { type: policy, evaluated_permission: { type: "allow" as const } };
  return { type: policy };
}
