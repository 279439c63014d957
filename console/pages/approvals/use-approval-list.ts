import { useQueries } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { $api, type Shown } from "../../wire/client.ts";
import type { InboxFilters } from "./inbox-search.ts";
import { type PageChain, pageSize, startChain, takePage } from "./page-chain.ts";

export type Approval = Shown["Approval"];

/** Approvals of which only the pages in view are asked for, and asked for anew when something changes. */
export interface ApprovalList {
  chain: PageChain<Approval>;
  /** Why a page in view has not come. */
  error: unknown;
  retry: () => void;
  /** Says which rows are in view. */
  show: (first: number, last: number) => void;
}

export function useApprovalList(filters: InboxFilters): ApprovalList {
  const key = JSON.stringify(filters);
  const [stored, setChain] = useState<PageChain<Approval>>(() => startChain(key));
  const [view, setView] = useState({ first: 0, last: 0 });
  const chain = stored.key === key ? stored : startChain(key, stored);
  const last = Math.min(view.last, chain.cursors.length - 1);
  const first = stored.key === key ? Math.min(view.first, last) : 0;
  const indexes = Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  const results = useQueries({
    queries: indexes.map((index) => {
      const cursor = chain.cursors[index];
      const query = { ...filters, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) };
      return $api.queryOptions("get", "/approvals", { params: { query } }, { gcTime: 30_000 });
    }),
  });
  // Taken up while rendering, so that no frame shows less than is known; when nothing is new, it is the same chain.
  let current = chain;
  for (const [offset, { data }] of results.entries()) {
    const index = first + offset;
    if (data === undefined) continue;
    if (current.old || current.pages.get(index) !== data.data)
      current = takePage(current, index, data.data, data.next_cursor);
    // A page whose start has moved is asked for by another cursor: what came by the old one is not looked at.
    if (current.cursors[index + 1] !== chain.cursors[index + 1]) break;
  }
  if (current !== stored) setChain(current);
  const show = useCallback((firstRow: number, lastRow: number) => {
    const wanted = { first: Math.floor(firstRow / pageSize), last: Math.floor(lastRow / pageSize) };
    setView((before) => (before.first === wanted.first && before.last === wanted.last ? before : wanted));
  }, []);
  const failed = results.find(({ error }) => error !== null);
  return { chain: current, error: failed?.error ?? null, retry: () => void failed?.refetch(), show };
}
