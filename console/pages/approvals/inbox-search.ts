import { textSearch } from "../../parts/search-params.ts";
import type { Shown } from "../../wire/client.ts";

/** What the inbox's address says: which tab, what it is narrowed by, and which request is shown beside the list. */
export const inboxSearch = textSearch("tab", "outcome", "q", "kind", "operation", "requester", "at");
export type InboxSearch = ReturnType<typeof inboxSearch>;

const tabs = ["mine", "pending", "decided"] as const;
export type Tab = (typeof tabs)[number];

type Status = Shown["Approval"]["status"] | "decided";
type Kind = Shown["Approval"]["kind"];

/** What can become of a request, as people look for it. */
export const outcomes = [
  "applied",
  "approved",
  "denied",
  "refused",
  "expired",
  "cancelled",
] satisfies Shown["Approval"]["status"][];

/** What may wait for a decision, in words. */
export const kindWords: Readonly<Record<Kind, string>> = {
  operation: "change",
  tool_call: "tool call of a session",
  permission: "permission of a run",
  budget: "larger budget",
};

export const kinds = Object.keys(kindWords) as Kind[];

/** Query of `GET /approvals`. */
export interface InboxFilters {
  status: Status;
  mine?: "true";
  q?: string;
  kind?: Kind;
  operation?: string;
  requester?: string;
}

export const tabOf = ({ tab }: InboxSearch): Tab => tabs.find((known) => known === tab) ?? "mine";

/** What the API is asked, as the address says. What it would not understand is left out. */
export function filtersOf(search: InboxSearch): InboxFilters {
  const tab = tabOf(search);
  const kind = kinds.find((known) => known === search.kind);
  return {
    status: tab === "decided" ? (outcomes.find((known) => known === search.outcome) ?? "decided") : "pending",
    ...(tab === "mine" ? { mine: "true" } : {}),
    ...(search.q === undefined ? {} : { q: search.q.slice(0, 200) }),
    ...(kind === undefined ? {} : { kind }),
    ...(search.operation === undefined ? {} : { operation: search.operation.slice(0, 100) }),
    ...(search.requester === undefined ? {} : { requester: search.requester.slice(0, 320) }),
  };
}
