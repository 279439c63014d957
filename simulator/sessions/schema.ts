import { z } from "zod";
import { modelParam, serverList, skillList, toolList } from "../resources/agent-schema.ts";
import { metadata, metadataPatch } from "../resources/fields.ts";

const text = z.strictObject({ type: z.literal("text"), text: z.string().min(1) });
// Stored and echoed; the stand-in's mind reads text only.
const attachment = z.looseObject({ type: z.enum(["image", "document", "search_result"]) });
const content = z.array(z.union([text, attachment])).min(1);

const userMessage = z.strictObject({ type: z.literal("user.message"), content });
const thread = { session_thread_id: z.string().nullish() };

const sendable = z.discriminatedUnion("type", [
  userMessage,
  z.strictObject({ type: z.literal("user.interrupt"), ...thread }),
  z
    .strictObject({
      type: z.literal("user.tool_confirmation"),
      tool_use_id: z.string(),
      result: z.enum(["allow", "deny"]),
      deny_message: z.string().nullish(),
      ...thread,
    })
    .refine((event) => event.result === "deny" || event.deny_message == null, {
      message: "deny_message is only allowed with result deny",
    }),
  z.strictObject({
    type: z.literal("user.custom_tool_result"),
    custom_tool_use_id: z.string(),
    content: content.optional(),
    is_error: z.boolean().nullish(),
    ...thread,
  }),
  z.strictObject({ type: z.literal("system.message"), content: z.array(text).min(1).max(1000) }),
]);

export const sendBody = z.strictObject({ events: z.array(sendable).min(1) });
export type Sendable = z.output<typeof sendable>;

const budget = z.strictObject({
  type: z.literal("limit"),
  max_list_cost: z.strictObject({
    amount: z.string().regex(/^[1-9]\d*$/, "must be a whole, positive number of cents"),
    currency: z.literal("USD"),
  }),
});

const version = z.int().positive().optional();
export const sessionCreate = z.strictObject({
  agent: z.union([
    z.string().min(1),
    z.strictObject({ type: z.literal("agent"), id: z.string(), version }),
    z.strictObject({
      type: z.literal("agent_with_overrides"),
      id: z.string(),
      version,
      model: modelParam.nullish(),
      system: z.string().max(100_000).nullish(),
      tools: toolList.nullish(),
      mcp_servers: serverList.nullish(),
      skills: skillList.nullish(),
    }),
  ]),
  environment_id: z.string().min(1),
  vault_ids: z.array(z.string()).optional(),
  title: z.string().nullish(),
  metadata: metadata.optional(),
  budget: budget.optional(),
  resources: z
    .array(z.looseObject({ type: z.string() }))
    .max(0, "resources are not modelled by this stand-in")
    .optional(),
  initial_events: z.array(userMessage).max(50).optional(),
});

export const sessionUpdate = z.strictObject({
  title: z.string().nullish(),
  metadata: metadataPatch.nullish(),
  agent: z.strictObject({ tools: toolList.nullish(), mcp_servers: serverList.nullish() }).optional(),
  budget: budget.nullish(),
  vault_ids: z.unknown().optional(),
});
