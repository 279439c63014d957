import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { NotFound } from "./pages/not-found.tsx";
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

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([home, agents, newAgent, agent, editAgent, sessions, session]),
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
