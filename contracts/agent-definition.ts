import { z } from "zod";
import { hookPoints } from "../core/hooks/points.ts";
import { defaultLeaseTerms } from "../core/lease/lease.ts";
import { anyModelId, description, longText, shortText, slug } from "./fields.ts";

/** The definition of an agent that runs execute: who it is, what it may use, what it takes and gives (design §9). */

const toolName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,126}(?<!_)(__\*)?$/,
    "the name of a tool, or server__* for all tools of a server",
  );

const workspacePath = z
  .string()
  .max(1024)
  .regex(/^(?!\/)(?!(.*\/)?\.\.(\/|$))[^\\\0]+$/, "a path below the workspace, such as src or .: not absolute, no ..");

export const constraint = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("read_only") }),
  z.strictObject({ type: z.literal("max_steps"), value: z.int().min(1).max(1000) }),
  z.strictObject({ type: z.literal("path_constraint"), paths: z.array(workspacePath).min(1).max(50) }),
  z.strictObject({ type: z.literal("max_parallel"), value: z.int().min(1).max(32) }),
]);

const ruleHook = z.strictObject({
  name: slug,
  rule: z.string(),
  message: shortText,
  on_violation: z.enum(["refuse", "abort", "warn"]).default("refuse"),
});

const webhookHook = z.strictObject({
  name: slug,
  webhook: z
    .url({ protocol: /^https$/, error: "an https URL, such as https://hooks.example.com/runs" })
    .max(2048)
    .refine((text) => URL.canParse(text) && new URL(text).username === "", "must not carry credentials"),
  secret_env: z.string().regex(/^[A-Z][A-Z0-9_]{0,127}$/, "the name of an environment variable, such as HOOK_SECRET"),
  timeout_seconds: z.number().min(0.1).max(30).default(5),
});

const hooksOfPoint = z
  .array(z.union([ruleHook, webhookHook]))
  .max(20)
  .optional();

// Mapping each point by hand keeps unknown points an error that names the known ones.
const hooks = z.strictObject({
  on_task_received: hooksOfPoint,
  on_plan: hooksOfPoint,
  before_tool: hooksOfPoint,
  after_tool: hooksOfPoint,
  before_finalize: hooksOfPoint,
  on_terminate: hooksOfPoint,
});

const strictness = z.strictObject({
  schema_validation: z.enum(["strict", "repair"]).default("strict"),
  budget_enforcement: z.enum(["hard_cap", "soft"]).default("hard_cap"),
  loop_detection: z
    .string()
    .regex(/^circuit_breaker_([2-9]|1[0-9]|20)$/, "circuit_breaker_N with N from 2 to 20")
    .default("circuit_breaker_3"),
  coherence: z.enum(["off", "repair", "reject"]).default("off"),
});

export const definitionBudget = z.strictObject({
  tokens: z.int().min(1).max(1_000_000_000).optional(),
  cost_usd: z.number().positive().max(100_000).optional(),
  wall_seconds: z.int().min(1).max(2_592_000).optional(),
  calls: z.int().min(1).max(100_000).optional(),
});

const leaseTerms = z.strictObject({
  seconds: z.int().min(1).max(86_400),
  calls: z.int().min(1).max(10_000),
});

/** How long, and for how many calls, a run may use a tool of each risk before somebody has to allow it anew. */
const leases = z.strictObject({
  low: leaseTerms.default(defaultLeaseTerms.low),
  medium: leaseTerms.default(defaultLeaseTerms.medium),
  high: leaseTerms.default(defaultLeaseTerms.high),
});

const jsonSchema = z.record(z.string(), z.unknown());

export const agentDefinition = z.strictObject({
  id: slug,
  role: slug,
  description,
  role_bindings: z.record(slug, anyModelId),
  instructions: longText.min(1),
  tools: z.array(toolName).max(200).default([]),
  delegates: z.array(slug).max(50).default([]),
  constraints: z.array(constraint).default([]),
  input_schema: jsonSchema,
  output_schema: jsonSchema,
  hooks_enabled: z.array(z.enum(hookPoints)),
  hooks: hooks.default({}),
  // `prefault` and not `default`: the defaults inside apply too.
  hook_strictness: strictness.prefault({}),
  budget: definitionBudget.default({}),
  leases: leases.prefault({}),
  max_output_tokens: z.int().min(256).max(128_000).default(8192),
  effort: z.enum(["low", "medium", "high", "xhigh", "max"]).optional(),
});

export type AgentDefinition = z.infer<typeof agentDefinition>;
