import { Button, Collapse, Group, Select, SimpleGrid } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { TextFilter } from "../../parts/text-filter.tsx";
import { type AuditSearch, fromLocal, outcomes, toLocal } from "./audit-search.ts";

type Change = (change: Partial<Record<keyof AuditSearch, string | undefined>>) => void;

/** What the trail is narrowed by: people, what and outcome at once; the rest when asked for, or when it is set. */
export function Filters({ search, onChange }: { search: AuditSearch; onChange: Change }) {
  const { act, session, request, run, trace_id: trace, from, to } = search;
  const [more, { toggle }] = useDisclosure(
    [act, session, request, run, trace, from, to].some((filter) => filter !== undefined),
  );
  return (
    <search aria-label="Narrow the trail">
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="xs" verticalSpacing="xs">
        <TextFilter
          label="Person"
          placeholder="Person's email"
          value={search.sub}
          onChange={(sub) => onChange({ sub })}
        />
        <TextFilter label="Operation" value={search.operation} onChange={(operation) => onChange({ operation })} />
        <Select
          aria-label="Outcome"
          placeholder="Any outcome"
          data={outcomes.map((value) => ({ value, label: value.replaceAll("_", " ") }))}
          value={search.outcome ?? null}
          clearable
          onChange={(outcome) => onChange({ outcome: outcome ?? undefined })}
        />
        <TextFilter
          label="Target"
          placeholder="Target, as type:id"
          value={search.target}
          onChange={(target) => onChange({ target })}
        />
      </SimpleGrid>
      <Collapse expanded={more}>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="xs" verticalSpacing="xs" mt="xs">
          <TextFilter
            label="From"
            type="datetime-local"
            value={toLocal(from)}
            onChange={(local) => onChange({ from: fromLocal(local) })}
          />
          <TextFilter
            label="Until"
            type="datetime-local"
            value={toLocal(to)}
            onChange={(local) => onChange({ to: fromLocal(local) })}
          />
          <TextFilter
            label="Through"
            placeholder="Through, as agent:id, run:id"
            value={act}
            onChange={(value) => onChange({ act: value })}
          />
          <TextFilter label="Session id" value={session} onChange={(value) => onChange({ session: value })} />
          <TextFilter label="Request id" value={request} onChange={(value) => onChange({ request: value })} />
          <TextFilter label="Run id" value={run} onChange={(value) => onChange({ run: value })} />
          <TextFilter label="Trace id" value={trace} onChange={(value) => onChange({ trace_id: value })} />
        </SimpleGrid>
      </Collapse>
      <Group justify="flex-end" mt={4}>
        <Button variant="subtle" size="compact-xs" onClick={toggle} aria-expanded={more}>
          {more ? "Fewer filters" : "More filters: time, session, request, run, trace"}
        </Button>
      </Group>
    </search>
  );
}
