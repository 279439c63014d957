import { Box, Button, Grid, Group, Paper, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Page } from "../../parts/page.tsx";
import { changedSearch } from "../../parts/search-params.ts";
import { Loaded } from "../../parts/states.tsx";
import { useMay } from "../../wire/rights.ts";
import { useOus } from "../../wire/use-ous.ts";
import { AgentList } from "./agent-list.tsx";
import { agentKinds, syncStates } from "./choices.ts";
import { OuTree } from "./ou-tree.tsx";

/** Agents by OU. */
export function Agents() {
  const search = useSearch({ from: "/shell/agents" });
  const navigate = useNavigate({ from: "/agents" });
  const may = useMay();
  const { query, ous } = useOus();
  const narrow = (change: { [Key in keyof typeof search]?: string | undefined }) =>
    void navigate({ search: (before) => changedSearch(before, change), replace: true });
  const [typed, setTyped] = useState(search.q ?? "");
  const find = useDebouncedCallback((text: string) => narrow({ q: text === "" ? undefined : text }), 250);
  return (
    <Page
      title="Agents"
      subtitle={search.ou ?? "All units you may see"}
      actions={
        may("agent:create") ? (
          <Button
            component={Link}
            to={search.ou === undefined ? "/agents/new" : `/agents/new?ou=${encodeURIComponent(search.ou)}`}
          >
            New agent
          </Button>
        ) : undefined
      }
    >
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 2.6 }}>
          <Paper withBorder p="xs" visibleFrom="md" component="nav" aria-label="Units">
            <Loaded query={query} lines={4}>
              {() => <OuTree ous={ous} chosen={search.ou} onChoose={(ou) => narrow({ ou })} />}
            </Loaded>
          </Paper>
          <Box hiddenFrom="md">
            <Select
              label="Unit"
              placeholder="All units"
              data={ous.map(({ path }) => path)}
              value={search.ou ?? null}
              onChange={(ou) => narrow({ ou: ou ?? undefined })}
              searchable
              clearable
              limit={100}
            />
          </Box>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 9.4 }}>
          <Stack gap="sm">
            <Group gap="sm" align="flex-end">
              <TextInput
                type="search"
                aria-label="Find agents"
                placeholder="Name, or address of the owner"
                value={typed}
                onChange={(event) => {
                  setTyped(event.currentTarget.value);
                  find(event.currentTarget.value.trim());
                }}
                style={{ flex: "1 1 14rem" }}
              />
              <Select
                aria-label="Sync state"
                placeholder="Any sync state"
                data={[...syncStates]}
                value={search.sync_state ?? null}
                onChange={(state) => narrow({ sync_state: state ?? undefined })}
                clearable
                w={160}
              />
              <Select
                aria-label="Kind"
                placeholder="Any kind"
                data={[...agentKinds]}
                value={search.kind ?? null}
                onChange={(kind) => narrow({ kind: kind ?? undefined })}
                clearable
                w={130}
              />
            </Group>
            <AgentList search={search} />
          </Stack>
        </Grid.Col>
      </Grid>
    </Page>
  );
}
