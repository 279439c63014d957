import { SimpleGrid, TextInput } from "@mantine/core";
import { Section } from "../../parts/section.tsx";
import type { RunDraft } from "./run-draft.ts";

const roles = ["orchestrator", "planner", "executor", "reviewer"] as const;

/** Models by role, instead of those that the definitions name. */
export function ModelFields({
  draft,
  onChange,
  faultOf,
}: {
  draft: RunDraft;
  onChange: (part: Partial<RunDraft>) => void;
  faultOf: (pointer: string) => string | undefined;
}) {
  return (
    <Section title="Models">
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
        {roles.map((role) => (
          <TextInput
            key={role}
            label={role.charAt(0).toUpperCase() + role.slice(1)}
            placeholder="as its definition says"
            value={draft.models[role] ?? ""}
            error={faultOf(`/models/${role}`)}
            onChange={(event) => onChange({ models: { ...draft.models, [role]: event.currentTarget.value } })}
            autoComplete="off"
            spellCheck={false}
          />
        ))}
      </SimpleGrid>
    </Section>
  );
}
