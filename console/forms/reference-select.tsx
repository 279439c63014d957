import { Autocomplete, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { $api } from "../wire/client.ts";
import type { Reference } from "./references.ts";

interface Choice {
  value: string;
  label: string;
}

/** What can be chosen: the first 200, or those whose name has what is typed. OUs and people are named by path and address, which may be typed as well; the others by id. */
function useChoices(reference: Reference, typed: string): Choice[] {
  const query = { limit: 200 };
  const on = (wanted: Reference) => ({ enabled: reference === wanted, staleTime: 30_000 });
  // Labels end in their unit, which the search does not know.
  const [search] = useDebouncedValue(typed.split(" (")[0]?.trim() ?? "", 200);
  const found = search === "" ? query : { ...query, q: search.slice(0, 100) };
  const ous = $api.useQuery(
    "get",
    "/ous",
    { params: { query } },
    {
      enabled: reference === "ou" || reference === "ou_id",
      staleTime: 30_000,
    },
  );
  const users = $api.useQuery("get", "/users", { params: { query: found } }, on("user"));
  const groups = $api.useQuery("get", "/groups", { params: { query: found } }, on("group"));
  const skills = $api.useQuery("get", "/skills", { params: { query: found } }, on("skill"));
  const servers = $api.useQuery("get", "/mcp-servers", { params: { query: found } }, on("mcp_server"));
  const agents = $api.useQuery("get", "/agents", { params: { query: found } }, on("agent"));
  const roles = $api.useQuery("get", "/roles", { params: { query } }, on("role"));
  switch (reference) {
    case "ou":
      return (ous.data?.data ?? []).map(({ path }) => ({ value: path, label: path }));
    case "ou_id":
      return (ous.data?.data ?? []).map(({ id, path }) => ({ value: id, label: path }));
    case "user":
      return (users.data?.data ?? []).map(({ email }) => ({ value: email, label: email }));
    case "group":
      return (groups.data?.data ?? []).map(({ id, name, ou_path: ou }) => ({ value: id, label: `${name} (${ou})` }));
    case "skill":
      return (skills.data?.data ?? []).map(({ id, name, ou_path: ou }) => ({ value: id, label: `${name} (${ou})` }));
    case "mcp_server":
      return (servers.data?.data ?? []).map(({ id, name, ou_path: ou }) => ({ value: id, label: `${name} (${ou})` }));
    case "agent":
      return (agents.data?.data ?? []).map(({ id, name, ou_path: ou }) => ({ value: id, label: `${name} (${ou})` }));
    case "role":
      return (roles.data?.data ?? []).map(({ name }) => ({ value: name, label: name }));
  }
}

/** A choice of what exists. */
export function ReferenceSelect({
  reference,
  value,
  onChange,
  ...input
}: {
  reference: Reference;
  label?: string;
  "aria-label"?: string;
  description?: string | undefined;
  error?: string | undefined;
  required?: boolean;
  withAsterisk?: boolean;
  name?: string;
  placeholder?: string;
  value: string;
  onChange: (value: string | undefined) => void;
}) {
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState<Choice>();
  const choices = useChoices(reference, typed);
  if (reference === "ou" || reference === "user")
    return (
      <Autocomplete
        {...input}
        data={[...new Set(choices.map((choice) => choice.value))]}
        value={value}
        onChange={(next) => {
          setTyped(next);
          onChange(next === "" ? undefined : next);
        }}
        limit={50}
        autoComplete="off"
      />
    );
  // Found by typing, it need not be among the first.
  const missing = chosen !== undefined && choices.every((choice) => choice.value !== chosen.value);
  return (
    <Select
      {...input}
      data={missing ? [chosen, ...choices] : choices}
      value={value === "" ? null : value}
      onChange={(next) => {
        setChosen(choices.find((choice) => choice.value === next));
        onChange(next ?? undefined);
      }}
      // A label of the list is what was chosen, not what is looked for.
      onSearchChange={(text) => setTyped(choices.some(({ label }) => label === text) ? "" : text)}
      searchable
      clearable
      limit={50}
      nothingFoundMessage="Nothing that you may use"
    />
  );
}
