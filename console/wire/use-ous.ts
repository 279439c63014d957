import { useEffect, useMemo } from "react";
import { $api, type Shown } from "./client.ts";
import { byCursor } from "./pages.ts";

/** A tree of more than this is better searched than browsed. */
const most = 2_000;

/** The OUs one may see, parents before children, as far as they have come. */
export function useOus() {
  const query = $api.useInfiniteQuery(
    "get",
    "/ous",
    { params: { query: { limit: 200 } } },
    {
      ...byCursor,
      staleTime: 30_000,
    },
  );
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  const ous = useMemo(() => byPath((data?.pages ?? []).flatMap((page) => page.data)), [data]);
  const goOn = hasNextPage && !isFetchingNextPage && !isFetchNextPageError && ous.length < most;
  useEffect(() => {
    if (goOn) void fetchNextPage();
  }, [goOn, fetchNextPage]);
  return { query, ous };
}

function byPath(ous: readonly Shown["Ou"][]): Shown["Ou"][] {
  return ous.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}
