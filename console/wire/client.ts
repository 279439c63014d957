import { QueryCache, QueryClient } from "@tanstack/react-query";
import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import type { components, paths } from "../../contracts/generated/api.ts";
import { ApiProblem, problemIn } from "./problem.ts";
import { leaveForSignIn } from "./sign-in.ts";

/** Things as the API shows them, by the names of the OpenAPI document. */
export type Shown = components["schemas"];

/**
 * What makes a request one of this app: a page of another origin cannot send it without being asked first (docs/console.md).
 * The credentials themselves are a cookie that no script can read.
 */
export const ownHeaders = { "Powerloom-Console": "1" } as const;

/** Turns every refusal into a thrown {@link ApiProblem}, so that a query has data or an error and nothing between. */
const throwProblems: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return;
    throw await problemIn(response);
  },
  onError({ error }) {
    // An abandoned request is nobody's problem.
    if (error instanceof DOMException && error.name === "AbortError") return;
    return new ApiProblem(0, { code: "offline", detail: "Powerloom cannot be reached." }, error);
  },
};

/** Requests, typed from the OpenAPI document. */
export const api = createFetchClient<paths>({ baseUrl: "/", headers: { ...ownHeaders, Accept: "application/json" } });
api.use(throwProblems);

/** Queries and mutations over {@link api}. */
export const $api = createQueryClient(api);

/** What has been asked for, and what has come. Old answers are shown while new ones come. */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error: unknown) => {
      if (error instanceof ApiProblem && error.status === 401) leaveForSignIn(queryClient);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) =>
        failures < 2 &&
        (error as unknown) instanceof ApiProblem &&
        [0, 429, 503].includes((error as ApiProblem).status),
      // Offline is shown, not waited for in silence.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
