import { z } from "zod";
import { rawText } from "./fields.ts";
import { pathSegment } from "./path-segment.ts";
import {
  agentDetailView,
  agentView,
  credentialView,
  mcpServerView,
  ouView,
  skillView,
  userDetailView,
  userView,
} from "./views.ts";

/** Inputs and outputs of the eleven tools of `powerloom_meta` (design §10). */

interface OuNode extends z.infer<typeof ouView> {
  children: OuNode[];
}
const ouNode: z.ZodType<OuNode> = ouView.extend({
  get children(): z.ZodArray<z.ZodType<OuNode>> {
    return z.array(ouNode);
  },
});

/** A mutation was applied, or waits for approval, or lacks something only the person can say. */
const mutationOutcome = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object({
    status: z.enum(["applied", "pending_approval", "received", "needs_input"]),
    request_id: z.string().optional().describe("req_…, when the change waits for approval or is still being applied"),
    message: z.string().describe("What happened, in a sentence to pass on"),
    ask: z.array(z.string()).optional().describe("What to ask the person, when status is needs_input"),
    ...shape,
  });

export const metaToolOutputs = {
  list_ous: z.object({ ous: z.array(ouNode) }),
  list_users: z.object({ users: z.array(userView) }),
  list_skills: z.object({ skills: z.array(skillView) }),
  list_mcp_servers: z.object({ mcp_servers: z.array(mcpServerView) }),
  list_agents: z.object({ agents: z.array(agentView) }),
  describe_user: userDetailView,
  describe_agent: agentDetailView,
  create_agent: mutationOutcome({ agent: agentDetailView.optional() }),
  attach_skill_to_agent: mutationOutcome({ agent: agentDetailView.optional() }),
  attach_mcp_server_to_agent: mutationOutcome({ agent: agentDetailView.optional() }),
  create_credential: mutationOutcome({ credential: credentialView.omit({ secret: true }).optional() }),
} as const;

/** Half a surrogate pair, which JSON can say, has no canonical form to make a key of (RFC 8785 §3.2.2.2). */
const text = rawText(z.string());
const emailInPath = text.refine((email) => pathSegment(email) !== undefined, "must be an email address");

export const metaToolInputs = {
  list_ous: z.object({}),
  list_users: z.object({ ou: text.optional().describe("Only this OU and those below: path or id") }),
  list_skills: z.object({ ou: text.optional().describe("Only this OU and those below: path or id") }),
  list_mcp_servers: z.object({ ou: text.optional().describe("Only this OU and those below: path or id") }),
  list_agents: z.object({ ou: text.optional().describe("Only this OU and those below: path or id") }),
  describe_user: z.object({ email: emailInPath.describe("The user's email address") }),
  describe_agent: z.object({ agent_id: z.uuid().describe("From list_agents or create_agent") }),
  create_agent: z.object({
    name: text.describe("Lower-case letters, digits and hyphens; unique in its OU"),
    ou: text.optional().describe("Path (/acme/sales) or id. Ask the person when they did not say"),
    owner: text.optional().describe("Email or principal id of the owner. Default: the person you act for"),
    display_name: text.optional(),
    description: text.optional(),
    model: text.optional().describe("A Claude model id; a default is used when absent"),
    system_prompt: text.optional(),
  }),
  attach_skill_to_agent: z.object({
    agent_id: z.uuid(),
    skill_id: z.uuid().describe("From list_skills"),
    version: z.int().optional().describe("Default: the newest"),
  }),
  attach_mcp_server_to_agent: z.object({
    agent_id: z.uuid(),
    mcp_server_id: z.uuid().describe("From list_mcp_servers"),
  }),
  create_credential: z.object({
    agent_id: z.uuid(),
    mcp_server_id: z.uuid().describe("Must be attached to the agent"),
    expires_in_seconds: z.int().optional().describe("Default: 90 days"),
  }),
} as const;

export type MetaToolName = keyof typeof metaToolInputs;
