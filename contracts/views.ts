import { z } from "zod";

/** What the API and the MCP tools show of stored things. Field names are snake_case on the wire. */

export const syncStates = ["pending", "synced", "error"] as const;
export const agentKinds = ["user", "service"] as const;

const timestamp = z.iso.datetime().describe("RFC 3339, UTC");

export const ouView = z
  .object({
    id: z.uuid(),
    path: z.string().describe("Slash-separated, from the organisation's root, e.g. /acme/sales"),
    name: z.string(),
    display_name: z.string(),
    parent_id: z.uuid().nullable(),
    created_at: timestamp,
  })
  .meta({ id: "Ou" });

export const permissionView = z
  .object({ permission: z.string(), ou_paths: z.array(z.string()).describe("From each of these OUs downwards") })
  .meta({ id: "GrantedPermission" });

export const environmentView = z
  .object({
    mode: z.enum(["dev", "production"]),
    environment: z.string().describe("As its operators call it"),
    version: z.string(),
    provider: z
      .enum(["anthropic", "stand-in", "other"])
      .describe("Where agents live: stand-in means that no model is behind them"),
    api_url: z.string(),
    mcp_url: z.string(),
    temporal_namespace: z.string(),
    temporal_ui_url: z.string().nullable().describe("Null when nobody has said where it is"),
  })
  .meta({ id: "Environment" });

export const userView = z
  .object({
    id: z.uuid().describe("Same as principal_id"),
    principal_id: z.uuid(),
    email: z.string(),
    display_name: z.string(),
    home_ou_id: z.uuid(),
    home_ou_path: z.string(),
    status: z.enum(["active", "suspended"]),
    created_at: timestamp,
  })
  .meta({ id: "User" });

export const userDetailView = userView
  .extend({
    groups: z.array(z.object({ id: z.uuid(), name: z.string() })),
    roles: z.array(
      z.object({
        binding_id: z.uuid(),
        role: z.string(),
        ou_path: z.string(),
        via_group: z.string().nullable(),
        expires_at: timestamp.nullable(),
      }),
    ),
  })
  .meta({ id: "UserDetail" });

export const groupView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    display_name: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    members: z.array(
      z.object({ kind: z.enum(["user", "group"]), id: z.uuid(), name: z.string().describe("Email, or group name") }),
    ),
    created_at: timestamp,
  })
  .meta({ id: "Group" });

export const roleView = z
  .object({ name: z.string(), description: z.string(), permissions: z.array(z.string()) })
  .meta({ id: "Role" });

export const bindingView = z
  .object({
    id: z.uuid(),
    role: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    principal_kind: z.enum(["user", "group"]),
    principal_id: z.uuid(),
    principal_name: z.string().describe("Email, or group name"),
    expires_at: timestamp.nullable(),
    created_at: timestamp,
  })
  .meta({ id: "Binding" });

export const skillView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    latest_version: z.int(),
    created_at: timestamp,
  })
  .meta({ id: "Skill" });

export const skillVersionView = z
  .object({
    skill_id: z.uuid(),
    version: z.int(),
    content: z.string().describe("The SKILL.md text"),
    created_at: timestamp,
  })
  .meta({ id: "SkillVersion" });

export const mcpServerView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    display_name: z.string(),
    description: z.string(),
    url: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    deployment: z.enum(["external", "shared"]),
    health: z.enum(["unknown", "healthy", "unhealthy"]),
    created_at: timestamp,
  })
  .meta({ id: "McpServer" });

export const credentialView = z
  .object({
    id: z.uuid(),
    agent_id: z.uuid(),
    mcp_server_id: z.uuid(),
    mcp_server_name: z.string(),
    kind: z.enum(["static", "session_bound"]).describe("session_bound: a bearer is minted for each session"),
    expires_at: timestamp.nullable(),
    revoked_at: timestamp.nullable(),
    created_at: timestamp,
    secret: z.string().optional().describe("Shown once, to a person; never through a delegated token"),
  })
  .meta({ id: "Credential" });

export const agentView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    display_name: z.string(),
    description: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    owner_id: z.uuid(),
    owner_email: z.string(),
    kind: z.enum(agentKinds),
    model: z.string(),
    generation: z.int().describe("Goes up with every change of the desired state"),
    synced_generation: z.int().describe("The generation last pushed to the provider"),
    sync_state: z.enum(syncStates),
    sync_error: z.unknown().nullable().describe("The provider's raw error"),
    cma_agent_id: z.string().nullable().describe("Null until the reconciler has pushed the agent"),
    cma_agent_version: z.int().nullable(),
    mcp_servers: z.array(z.string()).describe("Names of attached MCP servers"),
    skills: z.array(z.string()).describe("Names of attached skills"),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: "Agent" });

export const agentDetailView = agentView
  .extend({
    system_prompt: z.string(),
    attachments: z.object({
      mcp_servers: z.array(
        z.object({
          mcp_server_id: z.uuid(),
          name: z.string(),
          url: z.string(),
          permission_policy: z.enum(["always_allow", "always_ask"]),
        }),
      ),
      skills: z.array(z.object({ skill_id: z.uuid(), name: z.string(), version: z.int() })),
    }),
    credentials: z.array(credentialView),
  })
  .meta({ id: "AgentDetail" });

export const agentStateView = agentDetailView
  .extend({
    sync_attempts: z.int().describe("Failed in a row since the last success"),
    checked_at: timestamp.nullable().describe("When it was last compared with the provider"),
    drift: z
      .object({
        found_at: timestamp,
        provider_version: z.int().nullable().describe("In which it was found"),
        fields: z.array(z.object({ field: z.string(), wanted: z.unknown(), found: z.unknown() })),
        action: z.literal("reverted"),
      })
      .nullable()
      .describe("The last change that somebody else made at the provider"),
  })
  .meta({ id: "AgentState" });

export const policyView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    ou_id: z.uuid(),
    ou_path: z.string(),
    operations: z.array(z.string()),
    approver_role: z.string(),
    approvals_needed: z.int(),
    expires_after_seconds: z.int(),
    enabled: z.boolean(),
    version: z.int(),
    created_at: timestamp,
    updated_at: timestamp,
  })
  .meta({ id: "ApprovalPolicy" });

export const requestStatuses = [
  "received",
  "applied",
  "pending_approval",
  "refused",
  "denied",
  "expired",
  "cancelled",
] as const;

export const diffView = z
  .object({
    before: z.record(z.string(), z.unknown()).nullable(),
    after: z.record(z.string(), z.unknown()).nullable(),
    summary: z.string(),
  })
  .meta({ id: "Diff" });

export const requestView = z
  .object({
    id: z.string().describe("req_…"),
    operation: z.string(),
    status: z.enum(requestStatuses),
    requester_id: z.uuid(),
    requester_email: z.string(),
    actor: z.string().nullable().describe("The agent or client it came through"),
    session_id: z.uuid().nullable(),
    ou_path: z.string().nullable(),
    target: z.object({ type: z.string(), id: z.string() }).nullable(),
    diff: diffView.nullable(),
    result: z.unknown().nullable(),
    problem: z.unknown().nullable(),
    reason: z.string().nullable(),
    workflow_id: z.string(),
    created_at: timestamp,
    expires_at: timestamp,
    finished_at: timestamp.nullable(),
  })
  .meta({ id: "Request" });

export const approvalKinds = ["operation", "tool_call", "permission", "budget"] as const;
export const approvalStatuses = [
  "pending",
  "approved",
  "denied",
  "expired",
  "cancelled",
  "applied",
  "refused",
] as const;

export const approvalView = z
  .object({
    id: z.string(),
    kind: z.enum(approvalKinds),
    operation: z.string(),
    status: z.enum(approvalStatuses),
    requester_id: z.uuid(),
    requester_email: z.string(),
    actor: z.string().nullable(),
    session_id: z.uuid().nullable(),
    ou_path: z.string(),
    policy: z.string().describe("Name of the policy that asked for it, or the built-in rule"),
    approver_role: z.string(),
    approvals_needed: z.int(),
    digest: z.string().describe("Of exactly what would be done; a vote must name it"),
    diff: diffView,
    votes: z.array(
      z.object({
        principal_id: z.uuid(),
        email: z.string(),
        decision: z.enum(["approve", "deny"]),
        reason: z.string().nullable(),
        at: timestamp,
      }),
    ),
    reason: z.string().nullable(),
    can_vote: z.boolean().describe("Whether the caller may vote now"),
    created_at: timestamp,
    expires_at: timestamp,
  })
  .meta({ id: "Approval" });

export const approvalSummaryView = z
  .object({
    by_status: z.record(z.enum(approvalStatuses), z.int()),
    pending: z.object({
      total: z.int(),
      mine: z.int().describe("That you may vote on now"),
      expiring: z.int().describe("That run out within 24 hours"),
      by_kind: z.record(z.enum(approvalKinds), z.int()),
      by_operation: z.array(z.object({ operation: z.string(), count: z.int() })).describe("Most first"),
    }),
  })
  .meta({ id: "ApprovalSummary" });

export const sessionStatuses = ["starting", "running", "idle", "waiting", "ended", "failed"] as const;

export const sessionView = z
  .object({
    id: z.uuid(),
    agent_id: z.uuid(),
    agent_name: z.string(),
    agent_version: z.int().nullable(),
    invoker_id: z.uuid(),
    invoker_email: z.string(),
    status: z.enum(sessionStatuses),
    end_reason: z.string().nullable(),
    error: z.unknown().nullable(),
    cma_session_id: z.string().nullable(),
    final_message: z.string().nullable(),
    created_at: timestamp,
    ended_at: timestamp.nullable(),
  })
  .meta({ id: "Session" });

export const sessionEventView = z
  .object({
    position: z.int(),
    type: z.string().describe("The provider's event type, or powerloom.* for our own"),
    payload: z.unknown(),
    at: timestamp,
  })
  .meta({ id: "SessionEvent" });

export const auditEntryView = z
  .object({
    position: z.int(),
    at: z.string(),
    sub: z.string().nullable(),
    act: z.string().nullable(),
    delegated_from_session: z.string().nullable(),
    operation: z.string(),
    target: z.string().nullable(),
    ou: z.string().nullable(),
    outcome: z.string(),
    rule: z.string().nullable(),
    approval_id: z.string().nullable(),
    hash: z.string(),
    body: z.unknown(),
  })
  .meta({ id: "AuditEntry" });

export const auditEntryDetailView = auditEntryView
  .extend({
    previous: z.string().describe("Hash of the entry before"),
    text: z.string().describe("The body, character by character as it was hashed"),
  })
  .meta({ id: "AuditEntryDetail" });
