import { Button, Center } from "@mantine/core";

/** The way to the rows that come after those shown, while there are any. */
export function Older({
  query,
  label = "Show older ones",
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
  label?: string;
}) {
  if (!query.hasNextPage) return null;
  return (
    <Center>
      <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {label}
      </Button>
    </Center>
  );
}
