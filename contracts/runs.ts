import { z } from "zod";
import { constraint, definitionBudget } from "./agent-definition.ts";
import { anyModelId, anyObject, ouReference, rawText, slug } from "./fields.ts";

const timestamp = z.iso.datetime();

export const runStatuses = [
  "received",
  "running",
  "waiting",
  "paused",
  "completed",
  "failed",
  "stopped",
  "cancelled",
] as const;

const budgetLimits = z.strictObject({
  tokens: z.int().min(1).max(1_000_000_000).optional().describe("Prompt and answer together"),
  // Counted in millionths: less than one would be none at all.
  cost_usd: z.number().min(0.000_001).max(100_000).optional(),
  calls: z.int().min(1).max(100_000).optional().describe("Calls of a model"),
  wall_seconds: z.int().min(1).max(2_592_000).optional(),
});
export const runBudget = budgetLimits.meta({ id: "RunBudget" });

const brokenText = "must not contain broken surrogates";

/** A path in a workspace, as clients may name it: relative, plain, nothing that leads out. */
const filePath = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^(?!\/)(?!.*(^|\/)\.{1,2}(\/|$))(?!.*\/\/)(?!.*\/$)[^\0\\]+$/, "must be relative, without . or .. parts")
  .refine((path) => path.isWellFormed(), { message: brokenText });

export const runInput = z.object({
  task: rawText(z.string().min(1).max(100_000)).describe("What is to be done, in plain words"),
  ou: ouReference.optional().describe("Where it runs and whose budget it uses. Default: your home OU"),
  agent: slug.default("orchestrator").describe("Which agent definition begins"),
  input: anyObject.optional().describe("The agent's input, when its input schema wants more than `task`"),
  budget: budgetLimits.default({ tokens: 200_000 }).describe("What it may use at most, subagents included"),
  models: z.record(slug, anyModelId).default({}).describe("Role → model, instead of the definition's binding"),
  files: z
    .array(
      z.strictObject({
        path: filePath,
        content: z
          .string()
          .max(1_000_000)
          .refine((content) => content.isWellFormed(), { message: brokenText }),
        encoding: z.enum(["utf8", "base64"]).default("utf8"),
      }),
    )
    .max(2_000)
    .default([])
    .describe("What the workspace begins with"),
});

const amounts = { tokens: z.int(), cost_micros: z.int(), calls: z.int() };

export const runView = z
  .object({
    id: z.uuid(),
    parent_run_id: z.uuid().nullable(),
    root_run_id: z.uuid(),
    trace_id: z.string(),
    agent: z.string(),
    agent_version: z.int(),
    role: z.string(),
    model: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    requester_id: z.uuid(),
    requester_email: z.string(),
    status: z.enum(runStatuses),
    waiting_for: z.string().nullable().describe("The request that people must decide"),
    task: z.string(),
    output: z.unknown().nullable(),
    error: z.string().nullable(),
    reason: z.object({ rule: z.string(), reason: z.string() }).nullable().describe("Why it ended as it did"),
    budget: runBudget,
    used: z.object(amounts).describe("Subagents included"),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    completed_at: timestamp.nullable(),
  })
  .meta({ id: "Run" });

export const agentDefinitionView = z
  .object({
    id: z.string(),
    role: z.string(),
    description: z.string(),
    version: z.int().nullable().describe("Of this text in this organisation; null: no run of it has begun with it yet"),
    digest: z.string().describe("SHA-256 of its canonical JSON"),
    model: z.string().nullable().describe("What its role is bound to, unless a run says otherwise"),
    tools: z.array(z.string()),
    delegates: z.array(z.string()).describe("Agents it may hand tasks to"),
    constraints: z.array(constraint),
    budget: definitionBudget.describe("Limits of its own, whatever the run has"),
  })
  .meta({ id: "AgentDefinition" });

export const runStepView = z
  .object({
    step_id: z.string(),
    run_id: z.uuid(),
    step_num: z.int(),
    type: z.enum(["model_call", "tool_call"]),
    thread: z.string(),
    plan_step: z.int().nullable(),
    tool: z.string().nullable(),
    input: z.string().nullable(),
    output: z.string().nullable(),
    decision: z.unknown().nullable().describe("Why it was let pass, or refused"),
    child_run_id: z.uuid().nullable(),
    tokens: z.int(),
    cost_micros: z.int(),
    endpoint: z.string().nullable().describe("Host of the endpoint that answered, of a call of a model"),
    duration_ms: z.int().nullable(),
    status: z.string(),
    error: z.string().nullable(),
    created_at: timestamp,
    completed_at: timestamp.nullable(),
  })
  .meta({ id: "RunStep" });

export const runDetailView = runView
  .extend({
    input: z.unknown(),
    plan: z.unknown().nullable(),
    steps: z.array(runStepView).describe("The latest 500"),
    children: z.array(runView),
  })
  .meta({ id: "RunDetail" });

export const runEventView = z
  .object({ position: z.int(), run_id: z.uuid(), type: z.string(), payload: z.unknown(), at: timestamp })
  .meta({ id: "RunEvent" });

export const runFileView = z
  .object({
    path: z.string(),
    bytes: z.int(),
    change: z.enum(["added", "changed", "removed", "same"]),
    content: z.string().nullable().describe("Of what was added or changed"),
    encoding: z.enum(["utf8", "base64"]),
  })
  .meta({ id: "RunFile" });

export const permissionRequestView = z
  .object({
    request_id: z.string(),
    run_id: z.uuid(),
    step_id: z.string(),
    tool: z.string(),
    args_summary: z.string(),
    reason: z.string(),
    decision: z.enum(["pending", "approved", "denied", "expired", "cancelled"]),
    decision_reason: z.string().nullable(),
    artifacts: z.object({ markdown: z.string(), html: z.string(), json: z.unknown() }),
    created_at: timestamp,
    decided_at: timestamp.nullable(),
  })
  .meta({ id: "PermissionRequest" });
