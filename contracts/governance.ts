import { z } from "zod";

const timestamp = z.iso.datetime();

export const modes = ["READ_ONLY", "PERMISSION", "BYPASS"] as const;

export const governanceModeView = z
  .object({
    mode: z.enum(modes).describe("What counts now: a BYPASS whose time is over is PERMISSION"),
    expires_at: timestamp.nullable().describe("When BYPASS ends or has ended; null for a mode that does not by itself"),
    reason: z.string().nullable(),
    changed_by: z.uuid().nullable().describe("Null: nobody has ever set a mode"),
    changed_by_email: z.string().nullable(),
    changed_at: timestamp.nullable(),
    version: z.int(),
  })
  .meta({ id: "GovernanceMode" });

export const ouBudgetView = z
  .object({
    ou_id: z.uuid(),
    ou_path: z.string(),
    tokens_limit: z.int().nullable().describe("Null: no limit of its own"),
    tokens_used: z.int().describe("By runs that have ended"),
    tokens_held: z.int().describe("For runs that go on: as much as they may use"),
    tokens_left: z.int().nullable().describe("What a new run may hold; null without a limit"),
    cost_usd_limit: z.number().nullable().describe("Null: no limit of its own"),
    cost_usd_used: z.number(),
    cost_usd_held: z.number(),
    cost_usd_left: z.number().nullable(),
    version: z.int(),
  })
  .meta({ id: "OuBudget" });

export const elevationView = z
  .object({
    id: z.uuid(),
    root_run_id: z.uuid().describe("Counts in this run and its subagents, and ends with it"),
    agent: z.string(),
    tool: z.string(),
    context: z.unknown().describe("Only calls of this kind"),
    ou_path: z.string(),
    requester_id: z.uuid(),
    requester_email: z.string(),
    approval_id: z.string().describe("The permission request it came from"),
    granted_at: timestamp,
    expires_at: timestamp,
  })
  .meta({ id: "Elevation" });
