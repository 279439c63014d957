import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { specOf, tryOut, type Values } from "./send.ts";

const pauseMs = 250;

const isSaid = (value: unknown) => value !== undefined && value !== "";

/** What the API says of values while they are typed, before anything is sent: see {@link tryOut}. */
export function useTryOut(
  operation: string,
  values: Values,
  { ifMatch, enabled }: { ifMatch?: string | undefined; enabled: boolean },
) {
  const [settled] = useDebouncedValue(JSON.stringify(values), pauseMs);
  const query = useQuery({
    queryKey: ["try-out", operation, settled, ifMatch],
    queryFn: () => tryOut(operation, JSON.parse(settled) as Values, ifMatch),
    // Without what its address names there is nothing yet that could be asked.
    enabled:
      enabled && specOf(operation).params.every(({ name, in: place }) => place !== "path" || isSaid(values[name])),
    retry: false,
    staleTime: 0,
    gcTime: 0,
    placeholderData: (previous) => previous,
  });
  return { ...query, current: settled === JSON.stringify(values) && !query.isFetching };
}
