import { NumberInput, SimpleGrid } from "@mantine/core";
import { Section } from "../../parts/section.tsx";
import type { RunDraft } from "./run-draft.ts";

const fields = [
  { name: "tokens", pointer: "tokens", label: "Tokens", description: "Prompt and answer together", whole: true },
  {
    name: "costUsd",
    pointer: "cost_usd",
    label: "Cost in US dollars",
    description: "By the provider's prices",
    whole: false,
  },
  { name: "calls", pointer: "calls", label: "Model calls", description: "Calls of a model", whole: true },
  { name: "minutes", pointer: "wall_seconds", label: "Minutes", description: "From start to end", whole: false },
] as const;

/** What a run may use at most, subagents included. Empty: no limit of its own. */
export function BudgetFields({
  draft,
  onChange,
  faultOf,
}: {
  draft: RunDraft;
  onChange: (part: Partial<RunDraft>) => void;
  faultOf: (pointer: string) => string | undefined;
}) {
  return (
    <Section title="Budget">
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
        {fields.map(({ name, pointer, label, description, whole }) => (
          <NumberInput
            key={name}
            label={label}
            description={description}
            value={draft[name] ?? ""}
            error={faultOf(`/budget/${pointer}`)}
            onChange={(value) => onChange({ [name]: value === "" ? null : Number(value) })}
            allowDecimal={!whole}
            allowNegative={false}
            thousandSeparator=" "
            placeholder={name === "tokens" ? "200 000" : "no limit"}
          />
        ))}
      </SimpleGrid>
    </Section>
  );
}
