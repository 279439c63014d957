import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { inboxSearch } from "./pages/approvals/inbox-search.ts";
import { auditSearch } from "./pages/audit/audit-search.ts";
import { NotFound } from "./pages/not-found.tsx";
import { requestSearch } from "./pages/requests/request-search.ts";
import { textSearch } from "./parts/search-params.ts";
import { BrokenPage } from "./parts/states.tsx";
import { Shell } from "./shell/shell.tsx";
import { localPath } from "./wire/sign-in.ts";

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

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([home, agents, newAgent, agent, editAgent, sessions, session, ...deciding]),
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
