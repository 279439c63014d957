import { useEffect } from "react";
import { $api } from "../../wire/client.ts";
import { byCursor } from "../../wire/pages.ts";

/** Every OU that the reader may see, page by page until all are there. */
export function useAllOus() {
  const query = $api.useInfiniteQuery("get", "/ous", { params: { query: { limit: 200 } } }, byCursor);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = query;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  return query;
}
