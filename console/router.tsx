import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { inboxSearch } from "./pages/approvals/inbox-search.ts";
import { auditSearch } from "./pages/audit/audit-search.ts";
import { NotFound } from "./pages/not-found.tsx";
import { requestSearch } from "./pages/requests/request-search.ts";
import { textSearch } from "./parts/search-params.ts";
import { BrokenPage } from "./parts/states.tsx";
import { Shell } from "./shell/shell.tsx";
import { localPath } from "./wire/local-path.ts";

/** Every page of the console. Paths that the API has too lead to the page of the same thing. */

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: BrokenPage });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>) => ({
    ...(search["return_to"] === undefined ? {} : { return_to: localPath(search["return_to"]) }),
    ...(typeof search["error"] === "string" ? { error: search["error"] } : {}),
  }),
  component: lazyRouteComponent(() => import("./pages/sign-in/sign-in.tsx"), "SignIn"),
});

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/home/home.tsx"), "Home"),
});

const agents = createRoute({
  getParentRoute: () => shell,
  path: "/agents",
  validateSearch: textSearch("q", "ou", "sync_state", "kind"),
  component: lazyRouteComponent(() => import("./pages/agents/agents.tsx"), "Agents"),
});

const newAgent = createRoute({
  getParentRoute: () => shell,
  path: "/agents/new",
  validateSearch: textSearch("ou"),
  component: lazyRouteComponent(() => import("./pages/agents/new-agent.tsx"), "NewAgent"),
});

const agent = createRoute({
  getParentRoute: () => shell,
  path: "/agents/$agentId",
  validateSearch: textSearch("tab"),
  component: lazyRouteComponent(() => import("./pages/agents/agent.tsx"), "Agent"),
});

const editAgent = createRoute({
  getParentRoute: () => shell,
  path: "/agents/$agentId/edit",
  component: lazyRouteComponent(() => import("./pages/agents/edit-agent.tsx"), "EditAgent"),
});

const sessions = createRoute({
  getParentRoute: () => shell,
  path: "/sessions",
  validateSearch: textSearch("whose", "status", "agent_id"),
  component: lazyRouteComponent(() => import("./pages/sessions/sessions.tsx"), "Sessions"),
});

const session = createRoute({
  getParentRoute: () => shell,
  path: "/sessions/$sessionId",
  component: lazyRouteComponent(() => import("./pages/sessions/session.tsx"), "Session"),
});

const approvals = createRoute({
  getParentRoute: () => shell,
  path: "/approvals",
  validateSearch: inboxSearch,
  component: lazyRouteComponent(() => import("./pages/approvals/approvals.tsx"), "Approvals"),
});

const approval = createRoute({
  getParentRoute: () => shell,
  path: "/approvals/$requestId",
  component: lazyRouteComponent(() => import("./pages/approvals/approval.tsx"), "ApprovalPage"),
});

const requests = createRoute({
  getParentRoute: () => shell,
  path: "/requests",
  validateSearch: requestSearch,
  component: lazyRouteComponent(() => import("./pages/requests/requests.tsx"), "Requests"),
});

const request = createRoute({
  getParentRoute: () => shell,
  path: "/requests/$requestId",
  component: lazyRouteComponent(() => import("./pages/requests/request.tsx"), "RequestPage"),
});

const policies = createRoute({
  getParentRoute: () => shell,
  path: "/approval-policies",
  validateSearch: textSearch("ou"),
  component: lazyRouteComponent(() => import("./pages/policies/policies.tsx"), "Policies"),
});

const newPolicy = createRoute({
  getParentRoute: () => shell,
  path: "/approval-policies/new",
  validateSearch: textSearch("ou"),
  component: lazyRouteComponent(() => import("./pages/policies/new-policy.tsx"), "NewPolicy"),
});

const policy = createRoute({
  getParentRoute: () => shell,
  path: "/approval-policies/$policyId",
  component: lazyRouteComponent(() => import("./pages/policies/policy.tsx"), "PolicyPage"),
});

const audit = createRoute({
  getParentRoute: () => shell,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./pages/audit/audit.tsx"), "Audit"),
});

const auditEntry = createRoute({
  getParentRoute: () => shell,
  path: "/audit/$position",
  component: lazyRouteComponent(() => import("./pages/audit/entry.tsx"), "AuditEntryPage"),
});

const deciding = [approvals, approval, requests, request, policies, newPolicy, policy, audit, auditEntry] as const;

const runs = createRoute({
  getParentRoute: () => shell,
  path: "/runs",
  validateSearch: textSearch("q", "status", "requester", "agent", "ou"),
  component: lazyRouteComponent(() => import("./pages/runs/runs.tsx"), "Runs"),
});

const newRun = createRoute({
  getParentRoute: () => shell,
  path: "/runs/new",
  component: lazyRouteComponent(() => import("./pages/runs/new-run.tsx"), "NewRun"),
});

const run = createRoute({
  getParentRoute: () => shell,
  path: "/runs/$runId",
  component: lazyRouteComponent(() => import("./pages/runs/run.tsx"), "Run"),
});

const ous = createRoute({
  getParentRoute: () => shell,
  path: "/ous",
  component: lazyRouteComponent(() => import("./pages/access/ous.tsx"), "Ous"),
});

const ou = createRoute({
  getParentRoute: () => shell,
  path: "/ous/$ouId",
  component: lazyRouteComponent(() => import("./pages/access/ous.tsx"), "Ous"),
});

const users = createRoute({
  getParentRoute: () => shell,
  path: "/users",
  validateSearch: textSearch("q", "ou"),
  component: lazyRouteComponent(() => import("./pages/access/users.tsx"), "Users"),
});

const user = createRoute({
  getParentRoute: () => shell,
  path: "/users/$user",
  component: lazyRouteComponent(() => import("./pages/access/user.tsx"), "User"),
});

const groups = createRoute({
  getParentRoute: () => shell,
  path: "/groups",
  validateSearch: textSearch("q"),
  component: lazyRouteComponent(() => import("./pages/access/groups.tsx"), "Groups"),
});

const group = createRoute({
  getParentRoute: () => shell,
  path: "/groups/$groupId",
  component: lazyRouteComponent(() => import("./pages/access/group.tsx"), "Group"),
});

const bindings = createRoute({
  getParentRoute: () => shell,
  path: "/bindings",
  validateSearch: textSearch("user", "ou", "role", "tab"),
  component: lazyRouteComponent(() => import("./pages/access/bindings.tsx"), "Bindings"),
});

const explain = createRoute({
  getParentRoute: () => shell,
  path: "/authority/explain",
  validateSearch: textSearch("principal", "permission", "ou"),
  component: lazyRouteComponent(() => import("./pages/access/explain.tsx"), "Explain"),
});

const governance = createRoute({
  getParentRoute: () => shell,
  path: "/governance",
  component: lazyRouteComponent(() => import("./pages/governance/governance.tsx"), "Governance"),
});

const skills = createRoute({
  getParentRoute: () => shell,
  path: "/skills",
  validateSearch: textSearch("q"),
  component: lazyRouteComponent(() => import("./pages/catalogue/skills.tsx"), "Skills"),
});

const skill = createRoute({
  getParentRoute: () => shell,
  path: "/skills/$skillId",
  validateSearch: textSearch("version", "compare"),
  component: lazyRouteComponent(() => import("./pages/catalogue/skill.tsx"), "Skill"),
});

const mcpServers = createRoute({
  getParentRoute: () => shell,
  path: "/mcp-servers",
  validateSearch: textSearch("q"),
  component: lazyRouteComponent(() => import("./pages/catalogue/mcp-servers.tsx"), "McpServers"),
});

const mcpServer = createRoute({
  getParentRoute: () => shell,
  path: "/mcp-servers/$serverId",
  component: lazyRouteComponent(() => import("./pages/catalogue/mcp-server.tsx"), "McpServer"),
});

const accessPages = [ous, ou, users, user, groups, group, bindings, explain] as const;
const cataloguePages = [governance, skills, skill, mcpServers, mcpServer] as const;

const agentPages = [agents, newAgent, agent, editAgent, sessions, session] as const;
const runPages = [runs, newRun, run] as const;

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([home, ...agentPages, ...runPages, ...deciding, ...accessPages, ...cataloguePages]),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  defaultErrorComponent: BrokenPage,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
