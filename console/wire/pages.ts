/**
 * How lists of the API go on: `useInfiniteQuery(…, byCursor)`. The first page has no cursor; null is left out of the address,
 * undefined would become 0.
 */
export const byCursor = {
  pageParamName: "cursor",
  initialPageParam: null,
  getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor ?? undefined,
};
