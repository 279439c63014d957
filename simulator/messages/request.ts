import { z } from "zod";

const cacheControl = z
  .strictObject({ type: z.literal("ephemeral"), ttl: z.enum(["5m", "1h"]).default("5m") })
  .nullish()
  .transform((value) => value ?? undefined);

const text = z.looseObject({
  type: z.literal("text"),
  text: z.string().min(1, "text content blocks must be non-empty"),
  citations: z.array(z.unknown()).nullish(),
  cache_control: cacheControl,
});
const toolUse = z.looseObject({
  type: z.literal("tool_use"),
  id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  name: z.string().min(1).max(200),
  input: z.record(z.string(), z.unknown()),
  cache_control: cacheControl,
});
const resultPart = z.looseObject({ type: z.string(), text: z.string().optional() });
const toolResult = z.looseObject({
  type: z.literal("tool_result"),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(resultPart)]).optional(),
  is_error: z.boolean().optional(),
  cache_control: cacheControl,
});
const thinking = z.looseObject({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() });
const redacted = z.looseObject({ type: z.literal("redacted_thinking"), data: z.string() });
const attachment = z.looseObject({
  type: z.enum(["image", "document", "search_result"]),
  cache_control: cacheControl,
});
const block = z.discriminatedUnion("type", [text, toolUse, toolResult, thinking, redacted, attachment]);

const message = z.strictObject({
  role: z.enum(["user", "assistant"]),
  content: z.union([
    z
      .string()
      .min(1, "text content blocks must be non-empty")
      .transform((words): Block[] => [{ type: "text", text: words, cache_control: undefined }]),
    z.array(block),
  ]),
});

const tool = z.looseObject({
  type: z.string().nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal("object") }),
  cache_control: cacheControl,
});

const toolChoice = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("auto"), disable_parallel_tool_use: z.boolean().optional() }),
  z.strictObject({ type: z.literal("any"), disable_parallel_tool_use: z.boolean().optional() }),
  z.strictObject({
    type: z.literal("tool"),
    name: z.string(),
    disable_parallel_tool_use: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("none") }),
]);

const thinkingConfig = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("adaptive") }),
  z.looseObject({ type: z.literal("between_tools") }),
  z.looseObject({ type: z.literal("disabled") }),
  z.looseObject({ type: z.literal("enabled"), budget_tokens: z.int().min(1024) }),
]);

const outputConfig = z.strictObject({
  effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
  format: z.strictObject({ type: z.literal("json_schema"), schema: z.record(z.string(), z.unknown()) }).nullish(),
});

const counted = {
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1, "at least one message is required"),
  system: z
    .union([z.string().transform((words) => [{ type: "text" as const, text: words }]), z.array(text)])
    .optional(),
  tools: z.array(tool).optional(),
  tool_choice: toolChoice.optional(),
  output_config: outputConfig.optional(),
  thinking: thinkingConfig.optional(),
  cache_control: cacheControl,
  speed: z.enum(["standard", "fast"]).nullish(),
  user_profile_id: z.string().optional(),
  workspace_id: z.string().optional(),
  // Known so that they are refused with their own words; see check.ts.
  thread: z.unknown().optional(),
};

/** The body of `POST /v1/messages/count_tokens`. */
export const countRequest = z.strictObject(counted);

/** The body of `POST /v1/messages`. Strings given for content become one text block. */
export const messageRequest = z.strictObject({
  ...counted,
  max_tokens: z.int().min(1),
  stream: z.boolean().default(false),
  stop_sequences: z.array(z.string().regex(/\S/, "each stop sequence must contain non-whitespace")).default([]),
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).optional(),
  service_tier: z.enum(["auto", "standard_only"]).optional(),
  inference_geo: z.string().nullish(),
  container: z.unknown().optional(),
  diagnostics: z.unknown().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
});

export type Block = z.output<typeof block>;
export type CountRequest = z.output<typeof countRequest>;
export type MessageRequest = z.output<typeof messageRequest>;
