import { QueryCache, QueryClient } from "@tanstack/react-query";
import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import type { components, paths } from "../../contracts/generated/api.ts";
import { isOfAnother, namePerson, reloadOnce } from "./person.ts";
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
    const problem = await problemIn(response);
    if (isOfAnother(problem)) reloadOnce();
    throw problem;
  },
  onError({ error }) {
    // An abandoned request is nobody's problem.
    if (error instanceof DOMException && error.name === "AbortError") return;
    return new ApiProblem(0, { code: "offline", detail: "Powerloom cannot be reached." }, error);
  },
};

/** Requests, typed from the OpenAPI document. */
export const api = createFetchClient<paths>({ baseUrl: "/", headers: { ...ownHeaders, Accept: "application/json" } });
api.use(throwProblems, namePerson);

/** Queries and mutations over {@link api}. */
export const $api = createQueryClient(api);

/** What has been asked for, and what has come. Old answers are shown while new ones come. */
export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error: unknown, query) => {
      if (!(error instanceof ApiProblem)) return;
      if (error.status === 401) leaveForSignIn(queryClient);
      // What is gone, or not for this reader any more, stays on no screen.
      if (error.status === 403 || error.status === 404) query.setState({ data: undefined });
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
