import { Select, SimpleGrid } from "@mantine/core";
import { TextFilter } from "../../parts/text-filter.tsx";
import { $api } from "../../wire/client.ts";
import { type InboxSearch, kinds, kindWords, outcomes, tabOf } from "./inbox-search.ts";

/** What the inbox is narrowed by. */
export function Filters({
  search,
  onChange,
}: {
  search: InboxSearch;
  onChange: (change: Partial<Record<keyof InboxSearch, string | undefined>>) => void;
}) {
  const summary = $api.useQuery("get", "/approvals/summary", {});
  const byOperation = summary.data?.pending.by_operation ?? [];
  const known = byOperation.map(({ operation, count }) => ({ value: operation, label: `${operation} (${count})` }));
  const chosen = search.operation;
  const operations =
    chosen === undefined || known.some(({ value }) => value === chosen)
      ? known
      : [{ value: chosen, label: chosen }, ...known];
  const decided = tabOf(search) === "decided";
  return (
    <search aria-label="Narrow the list">
      <SimpleGrid cols={{ base: 2, md: decided ? 5 : 4 }} spacing="xs" verticalSpacing="xs">
        <TextFilter label="Search" value={search.q} onChange={(q) => onChange({ q })} />
        <TextFilter
          label="Requester"
          placeholder="Requester's email"
          value={search.requester}
          onChange={(requester) => onChange({ requester })}
        />
        {decided ? (
          <Select
            aria-label="Outcome"
            data={outcomes.map((value) => ({
              value,
              label: `${value} (${summary.data?.by_status[value] ?? 0})`,
            }))}
            placeholder="Any outcome"
            value={search.outcome ?? null}
            clearable
            onChange={(outcome) => onChange({ outcome: outcome ?? undefined })}
          />
        ) : null}
        <Select
          aria-label="Kind"
          placeholder="Any kind"
          data={kinds.map((value) => ({ value, label: kindWords[value] }))}
          value={search.kind ?? null}
          clearable
          onChange={(kind) => onChange({ kind: kind ?? undefined })}
        />
        <Select
          aria-label="Operation"
          placeholder="Any operation"
          data={operations}
          value={chosen ?? null}
          searchable
          clearable
          nothingFoundMessage="None waits"
          onChange={(operation) => onChange({ operation: operation ?? undefined })}
        />
      </SimpleGrid>
    </search>
  );
}
