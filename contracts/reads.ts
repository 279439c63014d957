import { z } from "zod";
import { checkpointPattern } from "../core/audit/checkpoint.ts";
import { type Permission, roleNames } from "../core/authority/roles.ts";
import { instant, ouReference, rawText } from "./fields.ts";
import { elevationView, governanceModeView, ouBudgetView } from "./governance.ts";
import {
  agentDefinitionView,
  permissionRequestView,
  runDetailView,
  runEventView,
  runFileView,
  runStatuses,
  runView,
} from "./runs.ts";
import {
  agentKinds,
  agentStateView,
  agentView,
  approvalKinds,
  approvalStatuses,
  approvalSummaryView,
  approvalView,
  auditEntryDetailView,
  auditEntryView,
  bindingView,
  credentialView,
  environmentView,
  groupView,
  mcpServerView,
  ouView,
  permissionView,
  policyView,
  requestStatuses,
  requestView,
  roleView,
  sessionEventView,
  sessionStatuses,
  sessionView,
  skillVersionView,
  skillView,
  syncStates,
  userDetailView,
  userView,
} from "./views.ts";

/** One read: its route, its OpenAPI entry and its CLI command come from here. What a caller sees is filtered by rights. */
export interface ReadDeclaration {
  name: string;
  summary: string;
  path: string;
  command: string;
  /** Null: everybody of the organisation may ask, and sees their own. */
  permission: Permission | null;
  query: z.ZodObject;
  output: z.ZodType;
}

const page = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe("Rows a page, at most 200"),
  cursor: z.string().max(500).optional().describe("`next_cursor` of the page before"),
};
const inOu = { ou: ouReference.optional().describe("Only this OU and those below: path or id") };
const containing = (where: string) => ({
  q: rawText(z.string().min(1).max(200)).optional().describe(`Only with this text, in any case, in ${where}`),
});
const person = (who: string) => z.string().max(320).optional().describe(`Only ${who}: email or principal id`);
const operationName = z.string().max(100).optional().describe("Only this operation, such as agent.create");

/** One page of a list; `next_cursor` is null on the last. */
const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), next_cursor: z.string().nullable() });

const list = (
  name: string,
  path: string,
  summary: string,
  permission: Permission | null,
  item: z.ZodType,
  filters: z.ZodRawShape = inOu,
): ReadDeclaration => ({
  name: `${name}.list`,
  summary,
  path,
  command: `${path.slice(1)} list`,
  permission,
  query: z.object({ ...page, ...filters }),
  output: pageOf(item),
});

const get = (
  name: string,
  path: string,
  summary: string,
  permission: Permission | null,
  output: z.ZodType,
): ReadDeclaration => ({
  name: `${name}.get`,
  summary,
  path,
  command: `${path.split("/")[1]} get`,
  permission,
  query: z.object({}),
  output,
});

const whoAmIView = z
  .object({
    principal_id: z.uuid(),
    email: z.string(),
    display_name: z.string(),
    organisation_id: z.uuid(),
    organisation: z.string(),
    home_ou_path: z.string(),
    actor: z.string().nullable(),
    session_id: z.string().nullable(),
  })
  .meta({ id: "WhoAmI" });

const permissionsView = z.object({ data: z.array(permissionView) });

const verdictRecordView = z
  .object({
    at: z.iso.datetime(),
    by: z.uuid(),
    by_email: z.string(),
    intact: z.boolean(),
    entries: z.int(),
    position: z.int().nullable().describe("First broken position"),
    reason: z.string().nullable(),
    head: z.string().nullable().describe("Hash of the last entry then"),
  })
  .meta({ id: "ChainVerdictRecord" });

const explanationView = z
  .object({
    effect: z.enum(["allow", "deny"]),
    rule: z.string(),
    reason: z.string(),
    permission: z.string(),
    ou: z.string(),
    principal: z.string(),
    binding_id: z.string().nullable(),
    who_can_grant: z.array(z.object({ email: z.string(), role: z.string(), ou: z.string() })),
  })
  .meta({ id: "Explanation" });

const verdictView = z
  .object({
    intact: z.boolean(),
    entries: z.int(),
    position: z.int().nullable().describe("First broken position"),
    reason: z.string().nullable(),
    head: z.string().nullable().describe("Hash of the last entry"),
  })
  .meta({ id: "ChainVerdict" });

const verifiedView = verdictView
  .extend({
    unseen: z.string().nullable().describe("Of an intact chain: what this could not have shown, and what would"),
  })
  .meta({ id: "VerifiedChain", description: "What was found when the chain was verified now" });

/** Reads that the tools of our MCP servers need, and so a delegated token may make. */
export const delegableReads: ReadonlySet<string> = new Set([
  "ou.list",
  "user.list",
  "user.get",
  "skill.list",
  "mcp_server.list",
  "agent.list",
  "agent.get",
  "run.list",
  "run.get",
]);

export const reads: readonly ReadDeclaration[] = [
  {
    name: "me.get",
    summary: "Who the token speaks for",
    path: "/me",
    command: "whoami",
    permission: null,
    query: z.object({}),
    output: whoAmIView,
  },
  {
    name: "permission.list",
    summary: "What you may do, and from which OUs downwards",
    path: "/me/permissions",
    command: "whoami permissions",
    permission: null,
    query: z.object({}),
    output: permissionsView,
  },
  {
    name: "environment.get",
    summary: "What this Powerloom is: its mode, its version, and what it works with",
    path: "/environment",
    command: "environment",
    permission: null,
    query: z.object({}),
    output: environmentView,
  },
  list("ou", "/ous", "OUs you may see", "ou:read", ouView),
  get("ou", "/ous/:ou_id", "One OU, by id", "ou:read", ouView),
  list("user", "/users", "People", "user:read", userView, {
    ...inOu,
    email: z.string().max(320).optional().describe("Exactly this email, any case"),
    ...containing("email or display name"),
  }),
  get(
    "user",
    "/users/:user",
    "One person, by principal id or email, with groups and roles",
    "user:read",
    userDetailView,
  ),
  list("group", "/groups", "Groups", "group:read", groupView, { ...inOu, ...containing("name or display name") }),
  get("group", "/groups/:group_id", "One group with its members", "group:read", groupView),
  list("role", "/roles", "Built-in roles and what each may do", null, roleView, {}),
  list("binding", "/bindings", "Who holds which role where", "binding:read", bindingView, {
    ...inOu,
    user: z.string().max(320).optional().describe("Only this user's own: email or principal id"),
    group: z.uuid().optional().describe("Only this group's"),
    role: z.enum(roleNames).optional(),
  }),
  get("binding", "/bindings/:binding_id", "One binding", "binding:read", bindingView),
  list("skill", "/skills", "Skills you may use", "skill:read", skillView, {
    ...inOu,
    ...containing("name or description"),
  }),
  get("skill", "/skills/:skill_id", "One skill", "skill:read", skillView),
  {
    name: "skill_version.list",
    summary: "A skill's versions",
    path: "/skills/:skill_id/versions",
    command: "skills versions",
    permission: "skill:read",
    query: z.object(page),
    output: pageOf(skillVersionView),
  },
  list("mcp_server", "/mcp-servers", "Registered MCP servers you may use", "mcp_server:read", mcpServerView, {
    ...inOu,
    ...containing("name, display name or URL"),
  }),
  get("mcp_server", "/mcp-servers/:mcp_server_id", "One MCP server registration", "mcp_server:read", mcpServerView),
  list("agent", "/agents", "Agents with their sync state", "agent:read", agentView, {
    ...inOu,
    name: z.string().max(63).optional(),
    sync_state: z.enum(syncStates).optional(),
    kind: z.enum(agentKinds).optional(),
    mcp_server: z.uuid().optional().describe("Only those this MCP server is attached to"),
    owner: person("agents of this owner"),
    ...containing("name, display name or the owner's email"),
  }),
  get(
    "agent",
    "/agents/:agent_id",
    "One agent with attachments, credentials, and how it stands with the provider",
    "agent:read",
    agentStateView,
  ),
  {
    name: "credential.list",
    summary: "An agent's credentials, never their secrets",
    path: "/agents/:agent_id/credentials",
    command: "credentials list",
    permission: "agent:read",
    query: z.object(page),
    output: pageOf(credentialView),
  },
  list("policy", "/approval-policies", "Approval policies", "policy:read", policyView),
  get("policy", "/approval-policies/:policy_id", "One approval policy", "policy:read", policyView),
  list("request", "/requests", "Mutations asked for: your own, and those you may read", null, requestView, {
    ...inOu,
    status: z.enum(requestStatuses).optional(),
    target: z
      .string()
      .max(200)
      .optional()
      .describe("Only about this: type:id. An agent's attachments and credentials included"),
    operation: operationName,
    requester: person("what this person has asked for"),
    ...containing("what would change, operation or the requester's email"),
  }),
  get("request", "/requests/:request_id", "One mutation from intent to outcome", null, requestView),
  list("approval", "/approvals", "What waits for a decision, or was decided", null, approvalView, {
    ...inOu,
    status: z
      .enum([...approvalStatuses, "decided"])
      .optional()
      .describe("`decided`: whatever has become of it"),
    kind: z.enum(approvalKinds).optional(),
    operation: operationName,
    requester: person("what this person has asked for"),
    mine: z.enum(["true"]).optional().describe("Only what you may vote on now"),
    ...containing("what would change, operation or the requester's email"),
  }),
  {
    name: "approval.summary",
    summary: "How much waits for a decision, or was decided, as far as you may see it",
    path: "/approvals/summary",
    command: "approvals summary",
    permission: null,
    query: z.object({}),
    output: approvalSummaryView,
  },
  get("approval", "/approvals/:request_id", "One approval with its diff and votes", null, approvalView),
  list("session", "/sessions", "Sessions: your own, and those you may read", null, sessionView, {
    ...inOu,
    agent_id: z.uuid().optional(),
    status: z.enum(sessionStatuses).optional(),
    invoker: person("sessions of this person"),
  }),
  get("session", "/sessions/:session_id", "One session", null, sessionView),
  {
    name: "session_event.list",
    summary: "A session's events after a position",
    path: "/sessions/:session_id/events",
    command: "sessions events",
    permission: null,
    query: z.object({
      after: z.coerce.number().int().min(0).max(2_147_483_647).default(0).describe("Position of the last one seen"),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    output: z.object({ data: z.array(sessionEventView) }),
  },
  list("run", "/runs", "Runs of agents: your own, and those you may read", null, runView, {
    ...inOu,
    status: z.enum(runStatuses).optional(),
    root: z.uuid().optional().describe("Only the tree that began with this run"),
    agent: z.string().max(63).optional().describe("Only of this agent definition, by name"),
    requester: person("what this person has asked for"),
    ...containing("the task"),
  }),
  {
    name: "agent_definition.list",
    summary: "Agent definitions that a run can begin with: what each is bound to, and what it may use",
    path: "/agent-definitions",
    command: "agent-definitions list",
    permission: "run:create",
    query: z.object({}),
    output: z.object({ data: z.array(agentDefinitionView) }),
  },
  get(
    "run",
    "/runs/:run_id",
    "One run: plan, steps, what it has used of its budget, its subagents",
    null,
    runDetailView,
  ),
  {
    name: "run_event.list",
    summary: "Events of a run and its subagents after a position",
    path: "/runs/:run_id/events",
    command: "runs events",
    permission: null,
    query: z.object({
      after: z.coerce.number().int().min(0).max(2_147_483_647).default(0).describe("Position of the last one seen"),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
    output: z.object({ data: z.array(runEventView) }),
  },
  {
    name: "run_file.list",
    summary: "What a finished run has made of its workspace",
    path: "/runs/:run_id/files",
    command: "runs files",
    permission: null,
    query: z.object({}),
    output: z.object({ data: z.array(runFileView) }),
  },
  {
    name: "permission_request.list",
    summary: "What a run and its subagents have asked people for",
    path: "/runs/:run_id/permission-requests",
    command: "runs permission-requests",
    permission: null,
    query: z.object({}),
    output: z.object({ data: z.array(permissionRequestView) }),
  },
  {
    name: "run.export",
    summary: "A whole run with its subagents: definitions, plan, transcripts, steps, decisions, events, costs",
    path: "/runs/:run_id/export",
    command: "runs export",
    permission: null,
    query: z.object({}),
    output: z.object({ format: z.literal("powerloom-run/1"), trace_id: z.string(), runs: z.array(z.unknown()) }),
  },
  {
    name: "governance.get_mode",
    summary: "What the organisation's runs may do now, until when, and who has said so",
    path: "/governance/mode",
    command: "governance mode",
    permission: "governance:read",
    query: z.object({}),
    output: governanceModeView,
  },
  list("budget", "/budgets", "OUs whose runs have a budget, and what is left of it", "budget:read", ouBudgetView),
  list(
    "elevation",
    "/elevations",
    "What agents may do again without asking: of your own runs, and of those you may read",
    null,
    elevationView,
  ),
  {
    name: "audit.list",
    summary: "Audit entries, newest first",
    path: "/audit",
    command: "audit list",
    permission: "audit:read",
    query: z.object({
      limit: page.limit,
      before: z.coerce.number().int().min(1).optional().describe("Only positions below this one"),
      from: instant.optional().describe("Only entries of this time or later: RFC 3339"),
      to: instant.optional().describe("Only entries before this time: RFC 3339"),
      sub: person("what was done for this person"),
      act: z.string().max(100).optional().describe("Only what came through this agent, run or client"),
      outcome: z.string().max(40).optional().describe("Such as applied, refused, pending_approval, accepted"),
      session: z.string().max(100).optional().describe("Only entries delegated from this session"),
      target: z
        .string()
        .max(200)
        .optional()
        .describe("Only about this: type:id. An agent's attachments and credentials included"),
      operation: z.string().max(100).optional(),
      trace_id: z
        .string()
        .regex(/^[0-9a-f]{32}$/, "a trace id has 32 hexadecimal digits, in small letters")
        .optional()
        .describe("Only entries of this trace: a tree of runs, with what people said to it and decided"),
      request: z
        .string()
        .min(1)
        .max(100)
        .optional()
        .describe("Only entries of this request, what people said to it included: id"),
      run: z.uuid().optional().describe("Only entries about this run, those about its subagents left out"),
    }),
    output: z.object({ data: z.array(auditEntryView) }),
  },
  {
    name: "audit.verify",
    summary: "Whether the organisation's audit chain is intact, and if not, from which position",
    path: "/audit/verify",
    command: "audit verify",
    permission: "audit:read",
    query: z.object({
      checkpoint: z
        .string()
        .regex(checkpointPattern, "a position and the hash of the entry there: <position>:<hash>")
        .optional()
        .describe("Also compare with this entry, noted outside: <position>:<hash>"),
    }),
    output: verifiedView,
  },
  {
    name: "audit.verified",
    summary: "What was found when the chain was last verified, and how many entries it has now",
    path: "/audit/verified",
    command: "audit verified",
    permission: "audit:read",
    query: z.object({}),
    output: z.object({ verdict: verdictRecordView.nullable(), entries: z.int() }),
  },
  {
    name: "audit.get",
    summary: "One audit entry in full: what was hashed, and the hash of the entry before",
    path: "/audit/:position",
    command: "audit get",
    permission: "audit:read",
    query: z.object({}),
    output: auditEntryDetailView,
  },
  {
    name: "authority.explain",
    summary: "Why somebody may, or may not, do something somewhere",
    path: "/authority/explain",
    command: "authority explain",
    permission: null,
    query: z.object({
      permission: z.string().max(100).describe("Such as agent:create, or an operation such as agent.create"),
      ou: ouReference,
      principal: z.string().max(320).optional().describe("Email or principal id. Default: you"),
    }),
    output: explanationView,
  },
];
