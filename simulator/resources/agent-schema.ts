import { z } from "zod";
import { metadata, metadataPatch } from "./fields.ts";

const policy = z.strictObject({ type: z.enum(["always_allow", "always_ask", "auto"]) });
const config = { enabled: z.boolean().nullish(), permission_policy: policy.nullish() };

const builtinTools = ["bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search"] as const;

const agentToolset = z.strictObject({
  type: z.literal("agent_toolset_20260401"),
  default_config: z.strictObject(config).nullish(),
  configs: z
    .array(
      z.strictObject({
        ...config,
        name: z.enum(builtinTools),
        type: z.enum(builtinTools).optional(),
        allowed_domains: z.array(z.string()).min(1).max(64).optional(),
        blocked_domains: z.array(z.string()).min(1).max(64).optional(),
        max_content_tokens: z.int().positive().nullish(),
        url_sources: z.looseObject({ type: z.string() }).nullish(),
        user_location: z.looseObject({ type: z.literal("approximate") }).nullish(),
      }),
    )
    .optional(),
});

const mcpToolset = z.strictObject({
  type: z.literal("mcp_toolset"),
  mcp_server_name: z.string().min(1).max(255),
  default_config: z.strictObject(config).nullish(),
  configs: z.array(z.strictObject({ ...config, name: z.string().min(1) })).optional(),
});

const customTool = z.strictObject({
  type: z.literal("custom"),
  name: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/, "must be 1-128 letters, digits, _ or -"),
  description: z.string(),
  input_schema: z.looseObject({ type: z.literal("object") }),
});

export const toolList = z.array(z.discriminatedUnion("type", [agentToolset, mcpToolset, customTool]));
export const serverList = z
  .array(
    z.strictObject({
      type: z.literal("url"),
      name: z.string().min(1).max(255),
      url: z.string().max(2048).refine(isHttpUrl, "must be an http or https URL"),
    }),
  )
  .max(20, "at most 20 MCP servers are allowed");
export const skillList = z.array(
  z.strictObject({
    type: z.enum(["anthropic", "custom"]),
    skill_id: z.string().min(1),
    version: z.string().nullish(),
  }),
);

const effortLevel = z.enum(["low", "medium", "high", "xhigh", "max"]);
export const modelParam = z.union([
  z.string().min(1),
  z.strictObject({
    id: z.string().min(1),
    effort: z.union([effortLevel, z.strictObject({ type: effortLevel })]).nullish(),
    inference_geo: z.string().nullish(),
    speed: z.enum(["standard", "fast"]).nullish(),
  }),
]);

const common = {
  description: z.string().max(2048).nullish(),
  system: z.string().max(100_000).nullish(),
  tools: toolList.nullish(),
  mcp_servers: serverList.nullish(),
  skills: skillList.nullish(),
  multiagent: z.looseObject({ type: z.string() }).nullish(),
  execution_identity: z
    .union([
      z.strictObject({ type: z.literal("service_account") }),
      z.strictObject({ type: z.literal("aws_role"), role_arn: z.string().min(1) }),
    ])
    .nullish(),
};

export const agentCreate = z.strictObject({
  ...common,
  name: z.string().min(1).max(256),
  model: modelParam,
  metadata: metadata.optional(),
});

export const agentUpdate = z.strictObject({
  ...common,
  version: z.int().positive().optional(),
  name: z.string().min(1).max(256).optional(),
  model: modelParam.optional(),
  metadata: metadataPatch.nullish(),
});

export type ModelParam = z.output<typeof modelParam>;
export type ToolParams = z.output<typeof toolList>;
export type ServerParams = z.output<typeof serverList>;
export type SkillParams = z.output<typeof skillList>;

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
