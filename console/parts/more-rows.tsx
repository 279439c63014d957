import { Button, Center } from "@mantine/core";

/** Asks for the next page of a list; nothing when this was the last. */
export function MoreRows({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <Center>
      <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </Center>
  );
}

/** How lists are asked for page by page: the options of every infinite query over a cursor. */
export const byCursor: {
  pageParamName: "cursor";
  initialPageParam: null;
  getNextPageParam: (page: { next_cursor: string | null }) => string | undefined;
} = {
  pageParamName: "cursor",
  // Not undefined: for that, openapi-react-query would send 0.
  initialPageParam: null,
  getNextPageParam: (page) => page.next_cursor ?? undefined,
};
