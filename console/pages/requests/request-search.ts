import { textSearch } from "../../parts/search-params.ts";
import type { Shown } from "../../wire/client.ts";

/** What the list of requests is narrowed by, in the address. */
export const requestSearch = textSearch("q", "status", "operation", "requester", "mine", "target");
export type RequestSearch = ReturnType<typeof requestSearch>;

type Status = Shown["Request"]["status"];

export const statuses = [
  "received",
  "pending_approval",
  "applied",
  "refused",
  "denied",
  "expired",
  "cancelled",
] satisfies Status[];

/** Query of `GET /requests`, as the address says. What it would not understand is left out. */
export function requestFilters(search: RequestSearch, myEmail: string | undefined) {
  const status = statuses.find((known) => known === search.status);
  const requester = search.mine === "true" ? myEmail : search.requester;
  return {
    ...(search.q === undefined ? {} : { q: search.q.slice(0, 200) }),
    ...(status === undefined ? {} : { status }),
    ...(search.operation === undefined ? {} : { operation: search.operation.slice(0, 100) }),
    ...(requester === undefined ? {} : { requester: requester.slice(0, 320) }),
    ...(search.target === undefined ? {} : { target: search.target.slice(0, 200) }),
  };
}
