import { Box, Group, Select } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { TextFilter } from "./text-filter.tsx";

type Search = Readonly<Record<string, string | undefined>>;

/** The text parameters of the page's address, and how they are changed. What is empty leaves the address. */
export function useFilters(): { search: Search; set: (change: Search) => void } {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = (change: Search) =>
    void navigate({
      to: ".",
      search: (before: Search) =>
        Object.fromEntries(
          Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== ""),
        ),
      replace: true,
    });
  return { search, set };
}

/** One of the values that a filter knows; anything else in the address is passed over. */
export function oneOf<Value extends string>(values: readonly Value[], given: string | undefined): Value | undefined {
  return values.find((value) => value === given);
}

/** What narrows a list, beside each other. */
export function Filters({ children }: { children: ReactNode }) {
  return (
    <Group gap="sm" align="flex-end" role="search" aria-label="Narrow the list">
      {children}
    </Group>
  );
}

/** A text that narrows a list, kept in the address a moment after the last key. */
export function NamedTextFilter({
  name,
  label,
  placeholder = "",
}: {
  name: string;
  label: string;
  placeholder?: string;
}) {
  const { search, set } = useFilters();
  return (
    <Box w={{ base: "100%", xs: 220 }}>
      <TextFilter
        labelled
        label={label}
        placeholder={placeholder}
        value={search[name]}
        onChange={(value) => set({ [name]: value })}
      />
    </Box>
  );
}

/** A choice that narrows a list, kept in the address. */
export function ChoiceFilter({
  name,
  label,
  values,
  all = "All",
}: {
  name: string;
  label: string;
  values: readonly (string | { value: string; label: string })[];
  all?: string;
}) {
  const { search, set } = useFilters();
  return (
    <Select
      label={label}
      placeholder={all}
      data={values.map((value) => (typeof value === "string" ? { value, label: value.replaceAll("_", " ") } : value))}
      value={search[name] ?? null}
      onChange={(value) => set({ [name]: value ?? undefined })}
      clearable
      clearButtonProps={{ "aria-label": `Clear ${label}` }}
      w={{ base: "100%", xs: 180 }}
    />
  );
}
