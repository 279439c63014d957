import { invalid } from "../http/errors.ts";
import type { Agent, AgentTool, SkillVersion } from "../store/wire.ts";
import type { ModelParam, ServerParams, SkillParams, ToolParams } from "./agent-schema.ts";

type Effort = NonNullable<Agent["model"]["effort"]>;
const mediumByDefault = /opus-5-5|haiku-5-5/;

/** A model as responses carry it: always an object, effort resolved. */
export function resolveModel(param: ModelParam, current?: Agent["model"]): Agent["model"] {
  const asked = typeof param === "string" ? { id: param } : param;
  const level = typeof asked.effort === "string" ? asked.effort : asked.effort?.type;
  const kept = current?.id === asked.id ? current.effort : undefined;
  const effort: Effort =
    level === undefined ? (kept ?? { type: mediumByDefault.test(asked.id) ? "medium" : "high" }) : { type: level };
  return {
    id: asked.id,
    effort,
    ...(asked.inference_geo == null ? {} : { inference_geo: asked.inference_geo }),
    speed: asked.speed ?? "standard",
  };
}

/** Tools as responses carry them: `default_config` and `configs` always there, policies resolved. */
export function resolveTools(params: ToolParams): AgentTool[] {
  return params.map((tool): AgentTool => {
    if (tool.type === "custom") return tool as AgentTool;
    // The two defaults differ at the provider, which is why every policy should be written explicitly.
    const fallback = tool.type === "mcp_toolset" ? "always_ask" : "always_allow";
    const byDefault = {
      enabled: tool.default_config?.enabled ?? true,
      permission_policy: tool.default_config?.permission_policy ?? { type: fallback },
    };
    const configs = (tool.configs ?? []).map((config) => ({
      ...config,
      ...(tool.type === "mcp_toolset" ? {} : { type: config.name }),
      enabled: config.enabled ?? byDefault.enabled,
      permission_policy: config.permission_policy ?? byDefault.permission_policy,
    }));
    return { ...tool, default_config: byDefault, configs } as AgentTool;
  });
}

/** Skills with concrete versions. */
export function resolveSkills(
  params: SkillParams,
  find: (skillId: string, version: string | undefined) => SkillVersion | undefined,
): Agent["skills"] {
  return params.map(({ type, skill_id, version }, index) => {
    const wanted = version == null || version === "latest" ? undefined : version;
    if (type === "anthropic") return { type, skill_id, version: wanted ?? "20260401" };
    const found = find(skill_id, wanted);
    if (found === undefined) throw invalid(`skills.${index}: skill ${skill_id} or its version does not exist`);
    return { type, skill_id, version: found.id };
  });
}

/** The rules between the parts of a definition: names unique, every server and toolset refer to each other. */
export function checkDefinition(parts: { tools: AgentTool[]; servers: ServerParams; skills: Agent["skills"] }): void {
  const { tools, servers, skills } = parts;
  const names = new Set<string>();
  for (const { name } of servers) {
    if (names.has(name)) throw invalid(`mcp_servers: the name "${name}" is used twice`);
    names.add(name);
  }
  const referenced = new Set<string>();
  let count = 0;
  for (const tool of tools) {
    count += tool.type === "custom" ? 1 : tool.configs.length;
    if (tool.type !== "mcp_toolset") continue;
    if (!names.has(tool.mcp_server_name)) {
      throw invalid(`tools: mcp_toolset refers to MCP server "${tool.mcp_server_name}", which is not declared`);
    }
    referenced.add(tool.mcp_server_name);
  }
  for (const name of names) {
    if (!referenced.has(name)) throw invalid(`mcp_servers: "${name}" is not referenced by any mcp_toolset`);
  }
  if (count > 256) throw invalid("tools: at most 256 tools are allowed");
  if (skills.length > 0 && !canRead(tools)) throw invalid("skills: need the read tool to be enabled");
}

function canRead(tools: AgentTool[]): boolean {
  return tools.some((tool) => {
    if (tool.type !== "agent_toolset_20260401") return false;
    return tool.configs.find(({ name }) => name === "read")?.enabled ?? tool.default_config.enabled;
  });
}
