import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { inboxSearch } from "./pages/approvals/inbox-search.ts";
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

const routeTree = root.addChildren([signIn, shell.addChildren([home, agents, approvals, approval])]);

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
